"""The report's table of all networks."""

from html import escape

from keras_transfer.analysis.inventory import Group, Survey
from keras_transfer.analysis.pairs import own_gains
from keras_transfer.reports.html.parts import link, points, study_of, table


def networks_section(survey: Survey, groups: list[Group]) -> str:
    """Writes a line a network, to be sorted and searched.

    Args:
        survey: `Survey`.
        groups: List of `Group`, its recipes.
    """
    header = ["network", "treatment", "n", "test %", "balanced %"]
    header += ["- own base"]
    header += ["classes", "seed", "recipe", "data set", "val %", "train %"]
    header += ["train loss", "test loss", "minutes", "study", "id"]
    right = {2, 3, 4, 5, 10, 11, 12, 13, 14}
    body = []
    for index, group in enumerate(groups, 1):
        gains = own_gains(group.compared)
        for row in group.rows:
            spec, result = row.spec, row.result
            gain, balanced = "", result.test_balanced_accuracy
            if not spec.is_base and spec in gains:
                gain = points(gains[spec])
            body.append(
                [
                    link(row),
                    escape(spec.treatment),
                    str(spec.n),
                    f"{100 * row.accuracy:.1f}",
                    "" if balanced is None else f"{100 * balanced:.1f}",
                    gain,
                    spec.division,
                    str(spec.seed),
                    str(index),
                    escape(spec.data.name),
                    f"{100 * result.val_accuracy:.1f}",
                    f"{100 * result.train_accuracy:.1f}",
                    f"{result.train_loss:.3f}",
                    f"{result.test_loss:.3f}",
                    f"{result.seconds / 60:.1f}",
                    escape(study_of(survey, row)),
                    spec.network_id,
                ]
            )
    if not body:
        return '<section id="networks"></section>'
    names = dict.fromkeys(row.spec.treatment for row in survey.rows)
    treatments = "".join(f"<option>{escape(name)}</option>" for name in names)
    recipes = "".join(
        f'<option value="{i}">{i}: {escape(group.recipe.data.name)}</option>'
        for i, group in enumerate(groups, 1)
    )
    controls = (
        '<div class="controls"><label>Words, all of which a line must hold '
        '<input id="words" type="search" placeholder="A3B cifar100"></label>'
        '<label>Treatment <select id="treatment"><option value="">all'
        f"</option>{treatments}</select></label>"
        '<label>Recipe <select id="recipe"><option value="">all</option>'
        f'{recipes}</select></label><output id="count"></output></div>'
    )
    return (
        '<section id="networks"><h2>Networks</h2><p>"- own base" is in '
        "points, from the base of the same recipe, split, seed and target. "
        "A name leads to the network's proof, command and folder.</p>"
        f"{controls}"
        f"{table(header, body, 'nums', right, 'all-networks')}</section>"
    )
