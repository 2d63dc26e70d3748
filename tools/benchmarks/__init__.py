"""The parts of tools/bench.

command     options, the order of things, what is written where
tracers     what programs run under: nothing, strace, faultline in its scopes
workloads   the table of programs that run to their end
servers     the table of servers that are measured by the requests that they answer
runner      one run: started, watched, ended by its deadline, its memory and its words taken
rounds      many runs in turn, and what is made of their figures
analyzer    how fast and in how much memory long traces are analysed
table       the figures as text, as Markdown and as JSON
machine     on what machine they were taken
programs/   the workloads that are ours
"""
