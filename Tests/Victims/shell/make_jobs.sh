#!/bin/sh
# victim: make -j4 with two sub-makes, which share its jobserver pipe
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# forbid: inherited-signal-handler
# needs: make
#
# No bug: the pipe holds tokens; the makes that take them and give them back have exec'd, and any token will do.
set -e
unset MAKEFLAGS MAKELEVEL  # of a make that this may run in
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/Makefile" << 'END'
all: one two left right
left right: one
	+@$(MAKE) --no-print-directory -f sub.mk NAME=$@
one two:
	@echo $@ > $@.out
END
cat > "$folder/sub.mk" << 'END'
all: $(NAME)-1 $(NAME)-2 $(NAME)-3 $(NAME)-4
$(NAME)-%:
	@seq 1 2000 | sort -r | tail -n 1 > $@.out
END
make -j4 -C "$folder" --no-print-directory
[ "$(cat "$folder"/*.out | wc -l)" -eq 10 ] || { echo "not as labelled: files are missing" >&2; exit 1; }
