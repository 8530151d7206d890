"""Game days: a planned exercise with people, run from one file.

`day` and `reading` are the file; `states` what may happen when; `record` the append-only journal
of the day, from which everything else is rebuilt; `conductor` leads through the day, over an
`interface` (a terminal, a file of answers, or nobody); `running` and `monitor` are the processes
beside it; `facts` and what is built on it make the report.
"""
