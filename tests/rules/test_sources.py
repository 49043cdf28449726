from proxy.rules.problems import Problem, path_text
from proxy.rules.sources import Source, merged, nested, report


def source(values: dict[str, object], name: str) -> Source:
    return Source(values, lambda loc: f"{name} {path_text(loc)}")


def test_values_are_laid_over_one_another() -> None:
    above = source({"a": {"b": 1}, "d": [1], "e": {"f": 1}}, "above")
    below = source({"a": {"b": 2, "c": 3}, "d": [2, 3], "e": 5, "g": {"h": 1}}, "below")

    assert merged([above, below]) == {
        "a": {"b": 1, "c": 3},
        "d": [1],
        "e": {"f": 1},
        "g": {"h": 1},
    }


def test_locations_become_mappings() -> None:
    assert nested({("a", "b"): 1, ("a", "c"): 2, ("d",): 3}) == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_problem_is_told_by_the_source_of_its_value() -> None:
    above = source({"a": {"b": 1}, "list": "x,y"}, "above")
    below = source({"a": {"b": 2, "c": 3}}, "below")
    problems = [
        Problem(("a", "b"), "one"),
        Problem(("a", "c"), "two"),
        Problem(("list", 1), "three"),
        Problem(("nowhere",), "four"),
    ]

    assert report(problems, [above, below]) == [
        "above a.b: one",
        "below a.c: two",
        "above list[1]: three",
        "below nowhere: four",
    ]
