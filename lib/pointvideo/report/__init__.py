"""What the papers print, what our runs gave, and how certain the comparison is.

The modules, none of which is imported here (plotting and pandas load only where they are used):

``reported``    every number the papers print, with its place and reproducibility class
``deviations``  where paper, released code and this project differ, and the switch for it
``metrics``     accuracy, edit, F1, IoU as functions of sums over videos
``results``     recorded and simulated results of the three tasks, kept apart by type
``statistics``  Wilson interval, mean and deviation over seeds, paired bootstrap, verdict
``claims``      the papers' claims as signed contrasts between rows, and questions that they leave open
``tables``      reported beside ours, rendered to HTML, Markdown and CSV
``stamps``      where a figure or a table comes from
``style``       one palette and one look for all figures
``draw``        frames, film strips, depth images, similarity matrices
``forest``      all claims with their intervals in one picture
``runs``        metrics row by row, learning curves, confusion; ``shares`` data efficiency, ``ribbons`` action
                segmentation frame by frame, ``ious`` classes, ``ablations`` differences to one row
"""
