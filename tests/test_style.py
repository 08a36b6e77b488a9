import io

from matplotlib import pyplot as plt

from keras_transfer.reports import style


def _figure():
    figure, panels = plt.subplots(
        1, 2, sharey=True, figsize=(6, 3), layout="constrained"
    )
    for axes in panels:
        axes.plot([1, 2], [30, 40], label="a curve")
        axes.set_xlabel("a long label, for which room is made")
    figure.legend(loc="outside lower center")
    figure.suptitle("Two lines\nof a title")
    return figure


@plt.rc_context(style.SETTINGS)
def test_a_figure_is_drawn_once_a_file_with_the_bytes_of_savefig(tmp_path):
    expected = {}
    plain = _figure()
    for suffix, metadata in ((".svg", {"Date": None}), (".png", None)):
        drawn = io.BytesIO()
        form = suffix.removeprefix(".")
        plain.savefig(drawn, format=form, dpi=130, metadata=metadata)
        expected[suffix] = drawn.getvalue()
    plt.close(plain)
    figure, drawn = _figure(), []
    line = figure.axes[0].lines[0]
    draw = line.draw
    line.draw = lambda renderer: (drawn.append(1), draw(renderer))
    paths = style.save(figure, tmp_path / "figure")
    assert {path.suffix: path.read_bytes() for path in paths} == expected
    assert len(drawn) == len(paths)
