# victim: pipelines and a fifo whose writers take their time
# clean: yes
# forbid: eof-never-comes
#
sleep 2 | cat
(sleep 1; echo a; sleep 2) | cat >/dev/null
x=$(sleep 2)
folder=$(mktemp -d)
mkfifo "$folder/f"
cat "$folder/f" >/dev/null &
exec 3>"$folder/f"
echo a >&3
sleep 2
echo b >&3
exec 3>&-
wait
rm -r "$folder"
