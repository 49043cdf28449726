from proxy.rules.problems import Problem, nearest, path_text


def test_a_location_is_written_as_in_the_file() -> None:
    assert path_text(("rules", 0, "key", "query")) == "rules[0].key.query"
    assert path_text(()) == ""


def test_a_problem_without_a_place_is_its_text() -> None:
    assert str(Problem((), "wrong")) == "wrong"
    assert str(Problem(("a",), "wrong")) == "a: wrong"


def test_the_nearest_word_is_proposed() -> None:
    assert nearest("tll", ["ttl", "jitter"]) == "did you mean 'ttl'?"
    assert nearest("zzz", ["ttl", "jitter"]) == "known: jitter, ttl"
