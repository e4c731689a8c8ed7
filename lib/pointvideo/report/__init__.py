"""What the papers print, what our runs gave, and how certain the comparison is.

The modules, none of which is imported here (plotting and pandas load only where they are used):

``reported``    every number the papers print, with its place and reproducibility class
``deviations``  where paper, released code and this project differ, and the switch for it
``metrics``     accuracy, edit, F1, IoU as functions of sums over videos
``outcomes``    what a run predicted; ``scores`` the metrics of it at one epoch
``results``     recorded and simulated results of the three tasks, kept apart by type
``statistics``  Wilson interval, mean and deviation over seeds, paired bootstrap, verdict
``claims``      the papers' claims as signed contrasts between rows, and questions that they leave open
``tables``      reported beside ours; ``layout`` their columns, ``render`` HTML and Markdown, ``lines`` CSV and what
                pages check, ``profiles`` what recipes differ in, ``overview`` all claims at once
``stamps``      where a figure or a table comes from
``speed``       the benchmarks' rows as a table
``figures``     every picture
"""
