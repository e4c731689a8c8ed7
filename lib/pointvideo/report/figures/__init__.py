"""Every picture of the report; matplotlib and seaborn load only where they are used.

``style``     one palette and one look for all figures
``clouds``    a cloud, a clip, a depth image; ``films`` labelled clips, ``videos`` sensors and motion, ``orbits`` a path
              around any cloud, ``cameras`` a camera in space
``printed``   what the papers print
``forest``    all claims with their intervals in one picture
``runs``      metrics row by row, learning curves, confusion
``shares``    data efficiency; ``ribbons`` action segmentation frame by frame, ``classes`` IoU of each class and of the
              rare ones, ``ablations`` differences to one row
``pretraining`` losses and probes of collapse; ``matching`` which frame a student takes for which
``backbones`` a clip stage by stage through a network: anchors, tubes, tokens, attention
``labels``    how often the labels of a set occur
``diagram``, ``deviations``, ``speed``  the method, the ledger of deviations, the benchmarks
``show``      a picture saved with its stamp and shown in a notebook; ``png`` how it is kept
``viewer``    a clip to turn by hand
"""
