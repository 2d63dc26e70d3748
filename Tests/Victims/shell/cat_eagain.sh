#!/bin/sh
# victim: a program leaves O_NONBLOCK on the standard input that it shares with a shell; the next cat gets EAGAIN
# expect: shared-flag-change severity=error kind=pipe actor=child
# forbid: foreign-read
# forbid: busy-poll
#
# The bug: node#42826. "cat: -: Resource temporarily unavailable".
sleep 2 | {
  /usr/bin/python3 -c 'import os; os.set_blocking(0, False)'
  LC_ALL=C cat 2>&1
} | grep -q 'Resource temporarily unavailable'
