"""Uploaded tables: guesses, choices, missing values, and one sentence for each file that cannot be used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.catalog.files import DELIMITERS
from playground.data import csv_file, load, store
from playground.data.csv_file import look, series_spec, suggested_inputs, suggested_target, suggested_task, table_spec
from playground.fit import fitted
from playground.spec import DataSpec, Experiment
from playground.training import Run

ROWS = [
    [
        str(k + 1),
        f"{20 + k * 0.5:.1f}",
        ("red", "green", "blue")[k % 3],
        "" if k % 5 == 0 else str(k % 7),
        "yes" if k % 2 else "no",
    ]
    for k in range(40)
]
NAMES = ["id", "size", "colour", "count", "sold"]


def written(mark: str = ",", header: bool = True, rows=ROWS) -> bytes:
    return "".join(mark.join(row) + "\n" for row in ([NAMES] if header else []) + rows).encode()


def uploaded(data: bytes, target: int | None = None, task: str = "") -> tuple[csv_file.Look, DataSpec]:
    found = look(data)
    target = suggested_target(found) if target is None else target
    task = task or suggested_task(found.columns[target])
    key = store.put(found.text.encode())
    return found, table_spec(found, key, target, suggested_inputs(found, target), task)


@pytest.mark.parametrize("name", DELIMITERS)
@pytest.mark.parametrize("header", [True, False])
def test_delimiter_and_header_are_guessed(name, header):
    found = look(written(DELIMITERS[name], header))
    assert (found.delimiter, found.header, found.rows) == (name, header, 40)
    assert [column.kind for column in found.columns] == ["number", "number", "words", "number", "words"]
    assert [column.missing for column in found.columns] == [0, 0, 0, 8, 0]
    if header:
        assert [column.name for column in found.columns] == NAMES


def test_a_number_with_a_comma_in_a_table_of_semicolons():
    rows = [[f"{k},5", str(k), "ab"[k % 2]] for k in range(12)]
    found, spec = uploaded("".join(";".join(row) + "\n" for row in rows).encode())
    assert (found.delimiter, found.columns[0].kind) == ("semicolon", "number")
    assert sorted(
        load(spec.but(columns=(0,), args={**spec.args, "inputs": 1}, train_fraction=1.0)).raw_train[:, 0]
    ) == [k + 0.5 for k in range(12)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    text = "größe,straße\n" + "".join(f"{k},{'süd' if k % 2 else 'nord'}\n" for k in range(10))
    found = look(text.encode(encoding))
    assert found.columns[0].name == "größe"
    assert set(found.columns[1].examples) == {"süd", "nord"}


def test_what_is_asked_for_is_suggested():
    found = look(written())
    assert suggested_target(found) == 4
    assert suggested_inputs(found, 4) == (1, 2, 3)  # the first column only counts the rows
    assert [suggested_task(column) for column in found.columns] == [
        "regression",
        "regression",
        "classification",
        "classification",
        "classification",
    ]


def test_words_become_columns_and_missing_numbers_the_mean_of_the_training_part():
    _, spec = uploaded(written())
    data = load(spec)
    assert spec.input_shape == (5,)  # size, three colours, count
    assert data.names == ("no", "yes")
    assert (data.raw_train[:, 1:4].sum(axis=1) == 1).all()
    index = np.concatenate([data.index_train, data.index_val])
    counts = np.concatenate([data.raw_train, data.raw_val])[np.argsort(index), 4]
    missing = np.arange(40) % 5 == 0
    trained = np.isin(np.arange(40), data.index_train) & ~missing
    assert counts[missing] == pytest.approx(np.mean(np.arange(40)[trained] % 7))
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.x_train * data.x_std + data.x_mean, data.raw_train, atol=1e-5)


def test_nothing_of_the_validation_part_is_known_while_training():
    _, spec = uploaded(written())
    first = load(spec)
    rows = [list(row) for row in ROWS]
    for k in first.index_val:
        rows[k][1] = "99999"
    _, other = uploaded(written(rows=rows))
    second = load(other)
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.x_mean, second.x_mean)
    assert not np.array_equal(first.x_val, second.x_val)


def test_a_regression_and_rows_without_a_target():
    found, spec = uploaded(written(), target=3, task="regression")
    assert spec["n"] == 32
    assert spec.classes == 0
    data = load(spec)
    assert data.y_train.mean() == pytest.approx(0, abs=1e-5)
    assert found.columns[3].missing == 8


def series() -> bytes:
    return ("t,value\n" + "".join(f"{k},{np.sin(k / 5):.5f}\n" for k in range(120))).encode()


def test_a_time_series_asks_for_the_next_row_and_keeps_the_order():
    found = look(series())
    spec = series_spec(found, store.put(found.text.encode()), 1, (), 12)
    data = load(spec)
    assert spec.input_shape == data.x_train.shape[1:] == (12, 1)
    assert data.index_train.max() < data.index_val.min()
    values = np.round(np.sin(np.arange(120) / 5), 5)
    np.testing.assert_allclose(data.raw_train[0, :, 0], values[:12])
    np.testing.assert_allclose(data.y_train[0] * data.y_std + data.y_mean, values[12], atol=1e-5)
    with pytest.raises(ValueError, match="at least 130"):
        series_spec(found, "", 1, (), 120)


def test_a_gap_in_a_series_keeps_the_last_value_known_before_it():
    rows = [["" if k in (0, 5) else str(k * 1.5), str(k)] for k in range(40)]
    found = look("".join(",".join(row) + "\n" for row in rows).encode())
    data = load(series_spec(found, store.put(found.text.encode()), 1, (0,), 5))
    assert data.raw_train[0, :, 0].tolist() == [3.0, 4.5, 6.0, 6.0, 9.0]


BAD = {
    "empty": (b"", "empty"),
    "blank": (b"\n \n\n", "empty"),
    "header only": (b"a,b,c\n", "has 1 row; there is too little"),
    "NUL bytes": (b"a,b\n1,2\n\0\0\0\n3,4\n", "no text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "no text"),
    "an archive": (b"PK\x03\x04" + bytes(range(1, 256)) * 20, "no text"),
    "ragged": (b"a,b\n1,2\n3,4\n5,6,7\n8,9\n1,2\n", "Line 4 has 3 fields"),
    "one column": (b"a\n" + b"1\n" * 30, "single column"),
    "a million columns": (
        b",".join([b"1"] * 1_000_000) + b"\n" + b",".join([b"2"] * 1_000_000),
        "1,000,000 columns; the most is 256",
    ),
    "two rows": (b"a,b\n1,2\n3,4\n", "too little"),
    "a field without end": (b'a,b\n1,"' + b"x" * 300_000 + b"\n", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gives_one_sentence(name):
    data, words = BAD[name]
    with pytest.raises(ValueError, match=words) as caught:
        look(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_wrong_delimiter_gives_one_sentence():
    with pytest.raises(ValueError, match="'tab' between the fields .* choose another delimiter"):
        look(written(";"), "tab")


def test_too_many_fields(monkeypatch):
    from playground.limits import Limits

    monkeypatch.setattr(csv_file, "LIMITS", Limits(max_cells=100))
    with pytest.raises(ValueError, match="more than 100 fields"):
        look(written())


def test_one_class_no_target_no_input_and_words_for_a_regression():
    found = look(b"a,b,c,d\n" + b"".join(f"{k},same,{k * 2},w{k}\n".encode() for k in range(80)))
    for target, columns, task, words in (
        (1, (0,), "classification", "one class only"),
        (9, (0,), "classification", "no column 9"),
        (0, (), "regression", "No input is chosen"),
        (0, (0,), "regression", "No input is chosen"),
        (3, (0,), "regression", "holds words"),
        (0, (3,), "regression", "80 different words; an input can have 50"),
    ):
        with pytest.raises(ValueError, match=words):
            table_spec(found, "", target, columns, task)


@pytest.mark.parametrize("extreme", ["1e299", "-4e38", "inf", "-nan"])
def test_numbers_that_cannot_be_computed_with_are_named(extreme):
    found = look(b"a,b,c\n" + b"".join(f"{k},{extreme if k == 7 else k * k},{k / 3}\n".encode() for k in range(30)))
    said = f"'b' holds {extreme}; a number lies within -1e\\+30 and 1e\\+30"
    assert 1 not in suggested_inputs(found, 2)
    with pytest.raises(ValueError, match=said):
        table_spec(found, "", 2, (0, 1), "regression")
    with pytest.raises(ValueError, match=said):
        table_spec(found, "", 1, (0,), "regression")
    with pytest.raises(ValueError, match=said):
        series_spec(found, "", 1, (0,), 4)
    key = store.put(found.text.encode())
    link = table_spec(look(b"a,b,c\n" + b"1,2,3\n2,3,4.5\n" * 15), key, 1, (0, 2), "regression")
    with pytest.raises(ValueError, match="numbers beyond 1e\\+30"):
        load(link)


def test_numbers_too_small_to_square_are_a_constant():
    found = look(b"a,b,c\n" + b"".join(f"{k}e-300,{k},{k / 3}e-200\n".encode() for k in range(30)))
    data = load(table_spec(found, store.put(found.text.encode()), 2, (0, 1), "regression"))
    assert np.isfinite(data.x_train).all()
    assert np.isfinite(data.y_train).all()


def test_the_experiment_goes_through_the_address_bar_and_a_missing_file_says_the_way_out():
    _, spec = uploaded(written())
    experiment = fitted(Experiment.starter("table"), spec)
    assert Experiment.from_query(experiment.query_string()) == experiment
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    Run(experiment).advance(steps=3)
    store.remove(spec.file)
    with pytest.raises(ValueError, match="no longer on this server: upload it again"):
        Run(experiment)
    with pytest.raises(ValueError, match="upload one on the page Data"):
        load(DataSpec(name="table"))


@pytest.mark.parametrize("change", [{"inputs": 6}, {"classes": 3}, {"target": 30}, {"delimiter": "tab"}, {"n": 500}])
def test_a_link_that_does_not_fit_its_file_is_refused(change):
    _, spec = uploaded(written())
    with pytest.raises(ValueError, match="the page Data|set it to 40"):
        load(spec.set(**change))


@pytest.mark.parametrize(
    "query",
    [
        "data=iris&file=" + "a" * 32,
        "data=table&file=../../etc/passwd",
        "data=table.10..1..1",
        "data=table&columns=1_x",
        "data=table&columns=999",
    ],
)
def test_words_of_uploads_that_make_no_sense_are_refused(query):
    if query.startswith("data=iris"):
        assert not Experiment.from_query(query).data.file
        return
    with pytest.raises(ValueError, match=r"file|columns|one class"):
        Experiment.from_query(query)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_sentence(data):
    try:
        assert look(data).rows >= 4
    except ValueError as error:
        assert "\n" not in str(error)


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=4), min_size=5, max_size=9))
def test_any_text_is_a_table_or_one_sentence(rows):
    data = "\n".join(",".join(row) for row in rows).encode()
    try:
        found = look(data)
        spec = table_spec(found, "", suggested_target(found), range(len(found.columns)), "classification")
    except ValueError as error:
        assert len(str(error)) < 400
    else:
        data = load(spec.but(file=store.put(found.text.encode())))
        assert len(data.columns) == (data.x_train.shape[1] if spec["header"] else 0)
        assert data.names == tuple(
            sorted(
                csv_file.words_of(
                    store.path(store.key_of(found.text.encode())),
                    spec["target"],
                    DELIMITERS[spec["delimiter"]],
                    spec["header"],
                )
            )
        )


def test_inputs_have_the_names_of_their_columns():
    text = "size;colour;price;kind\n1,5;red;10;a\n2;;20;b\n3;blue;30;a\n4;green;40;\n5;red;50;b\n"
    found = look(text.encode())
    spec = table_spec(found, store.put(found.text.encode()), 3, (0, 1, 2), "classification")
    data = load(spec)
    assert data.columns == ("size", "colour: blue", "colour: green", "colour: red", "price")
    assert data.x_train.shape[1] == 5
    assert len(data.x_train) + len(data.x_val) == 4, "the green one has no kind"
    green = np.concatenate([data.raw_train, data.raw_val])[:, 2]
    assert (green == 0).all(), "and yet its colour is one of those that the table knows"
