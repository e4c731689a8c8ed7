"""What the papers print, what our runs gave, and how certain the comparison is.

The modules, none of which is imported here (plotting and pandas load only where they are used):

``reported``    every number that a paper prints, with its place and reproducibility class
``deviations``  where a paper, its released code and this project differ, and the switch for it
``results``     recorded and simulated results of a task, kept apart by type; the task says how a record is read
``statistics``  Wilson interval, mean and deviation over seeds, paired bootstrap, verdict
``claims``      a paper's claims as signed contrasts between rows of its tables, and questions that it leaves open
``tables``      reported beside ours; ``layout`` their columns, ``render`` HTML and Markdown, ``lines`` CSV and what
                pages check, ``profiles`` what recipes differ in, ``overview`` all claims at once,
                ``paper_results`` all tables of a paper as a page
``evidence``    an experiment's runs as one value: rows, records, table, findings, stamp; run, read, written
``stamps``      where a figure or a table comes from
``speed``       the benchmarks' rows as a table
``figures``     every picture
"""
