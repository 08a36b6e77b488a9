"""Which layers to copy and freeze, for your model and your images.

Claim: the best stage to freeze up to depends on the task and on the number of
images, and a look at them tells it for a small part of the cost of trying
all. Scores every stage, races what may win by successive halving, decides on
validation images, tells the choice on test images once, ends with a sentence.

    python -m experiments.recommend
    python -m experiments.recommend --model FILE.keras --images DIR
    python -m experiments.recommend --model applications:VGG16 --images DIR

Cost: without arguments at most 3 minutes on two cores, more where those do not
suffice; else the budget, 20 minutes if not given. Stopped and started again, it
trains nothing twice.
Expected without arguments: copying is worth 10 to 20 points, and 400
validation images cannot tell the best stages from fine-tuning everything.
"""

import dataclasses
import functools
import sys
import time

from rich.console import Console

from experiments.common.terminal import plain_main
from experiments.recommend.settings import DEMONSTRATION, Options


def _run_script(options: Options, console: Console) -> int:
    """Plans, trains, decides, tells; writes and names the files."""
    begun = time.perf_counter()
    options.check()
    if options.images is not None:
        # Names only: a mistake there need not wait for Keras.
        from keras_transfer.datasets.image_listing import list_images
        from keras_transfer.specs.paths import user_path

        list_images(user_path(options.images))
    from keras_transfer.studies.executors.quiet import quiet_import

    with quiet_import():
        from experiments.recommend.session import recommend, start_tensorflow

        start_tensorflow()
    own = Options(log_dir=options.log_dir, plan=options.plan)
    if demonstration := options == own:
        options = dataclasses.replace(options, **DEMONSTRATION)
    return recommend(options, console, begun, may_grow=demonstration)


main = functools.partial(plain_main, "recommend", __doc__, Options, _run_script)


if __name__ == "__main__":
    sys.exit(main())
