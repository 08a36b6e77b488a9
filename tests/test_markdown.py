from keras_transfer.reports import markdown


def test_a_bar_or_a_new_line_in_a_name_stays_in_its_cell():
    lines = markdown.table(["a|b", "n"], [["cats | dogs", "1\n2"]])
    head, _, line = lines
    assert head == "| a\\|b | n |"
    assert line == "| cats \\| dogs | 1 2 |"


def test_a_summary_begins_with_title_and_command(tmp_path):
    report = markdown.Report({}, lambda rows: [f"{len(rows)} networks"])
    paths = report.write([], "Title", "python -m x", tmp_path / "new")
    assert [path.name for path in paths] == ["results.csv", "summary.md"]
    text = "# Title\n\n    python -m x\n\n0 networks\n"
    assert paths[-1].read_text() == text
