"""Regular expressions: what RE2, Go and Rust's regex crate (1.13) answered, and what holds of all."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base import expressions
from harness.base.errors import NotModelledError
from harness.base.expressions import Dialect, Fault

# A pattern; what RE2 says of it; what Go says (the Kubernetes API, Istio's webhook); None: it is taken.
REFUSED_BY_RE2 = [
    ("(?=x)", "invalid perl operator: (?=", "invalid or unsupported Perl syntax: `(?=`"),
    ("(?<!x>)", "invalid perl operator: (?<!", "invalid named capture: `(?<!x>`"),
    ("(?<=x)", "invalid perl operator: (?<=", "invalid named capture: `(?<=x)`"),
    (r"(a)\1", r"invalid escape sequence: \1", r"invalid escape sequence: `\1`"),
    ("a++", "bad repetition operator: ++", "invalid nested repetition operator: `++`"),
    ("a{2}{3}", "bad repetition operator: {2}{3}", "invalid nested repetition operator: `{2}{3}`"),
    ("(?>a)", "invalid perl operator: (?>", "invalid or unsupported Perl syntax: `(?>`"),
    ("(?#c)", "invalid perl operator: (?#", "invalid or unsupported Perl syntax: `(?#`"),
    (r"\Z", r"invalid escape sequence: \Z", r"invalid escape sequence: `\Z`"),
    ("(?x)", "invalid perl operator: (?x", "invalid or unsupported Perl syntax: `(?x`"),
    ("a{1001}", "invalid repetition size: {1001}", "invalid repeat count: `{1001}`"),
    ("(a{100}){11}", "invalid repetition size: {11}", "invalid repeat count: `{11}`"),
    ("a{2,1}", "invalid repetition size: {2,1}", "invalid repeat count: `{2,1}`"),
    ("*", "no argument for repetition operator: *", "missing argument to repetition operator: `*`"),
    ("[a", "missing ]: [a", "missing closing ]: `[a`"),
    ("(a", "missing ): (a", "missing closing ): `(a`"),
    ("a)", "unexpected ): a)", "unexpected ): `a)`"),
    ("[b-a]", "invalid character class range: b-a", "invalid character class range: `b-a`"),
    ("[[:foo:]]", "invalid character class range: [:foo:]", "invalid character class range: `[:foo:]`"),
    (r"\pQ", r"invalid character class range: \pQ", r"invalid character class range: `\pQ`"),
    ("(?P<n", "invalid named capture group: (?P<n", "invalid named capture: `(?P<n`"),
    ("a\\", "trailing \\", "trailing backslash at end of expression: ``"),
    (r"\C", None, r"invalid escape sequence: `\C`"),
]

# A pattern, texts that it matches as a whole in RE2, and texts that it doesn't.
RE2 = [
    ("[[:alpha:]]", ["a"], ["é", ":", "a:"]),
    (r"\pN", ["1", "Ⅷ"], ["a"]),
    (r"\Q..\E", [".."], ["ab"]),
    (r"\Q\C\E", [r"\C"], ["x"]),
    (r"a\z", ["a"], ["a\n"]),
    ("a$", ["a"], ["a\n"]),
    ("(?<n>a)(?P<m>b)", ["ab"], []),
    (r".*\.(js|json)", ["/a.js", "/a.json"], []),
    ("v1|v1beta", ["v1", "v1beta"], ["v1b"]),
    (r"\w\d\s", ["a1 "], ["é1 ", "a٣ ", "a1\v"]),
    ("(?i)k", ["K", "\u212a"], []),
    ("[a&&b]", ["&", "a"], ["[a&&b]"]),
    (".", ["é", "😀"], ["\n", "ab"]),
    ("", [""], ["a"]),
]

# A pattern, texts that Rust's first match from the left spans, and texts that it doesn't.
RUST = [
    (r".*\.(js|json)", ["/a.js"], ["/a.json"]),
    (r"^.*\.(js|json)$", ["/a.js", "/a.json"], []),
    ("v1|v1beta", ["v1"], ["v1beta"]),
    ("v1beta|v1", ["v1", "v1beta"], []),
    ("en|en-US", ["en"], ["en-US"]),
    ("^(v1|v1beta)$", ["v1beta"], []),
    ("(?:v1|v1beta)$", ["v1beta"], ["xv1"]),
    ("a*?", [""], ["a"]),
    ("(a|ab)(c|bcd)", ["abcd"], []),
    ("(|a)*", [""], ["aaa"]),
    ("(?:a??b)?", ["ab"], []),
    (r"/foo/\d+", ["/foo/42", "/foo/٣"], ["/foo/x"]),
    (r"\w+", ["é", "a_1", "日本"], ["a-b"]),
    (r"\s", ["\v", "\u2028", " "], []),
    (r"\W", ["-"], ["é"]),
    (r"(?-u)\w+", ["a"], ["é"]),
    (r"(?-u:\d)", ["4"], ["٣"]),
    ("(?x) a b # c", ["ab"], ["a b"]),
    ("(?x)[ a b ]+", ["ab"], [" "]),
    ("(?U)a+", ["a"], ["aa"]),
    ("(?i)k", ["K", "\u212a"], []),
    ("(?i-u:k)", ["K"], ["\u212a"]),
    ("(a(?i)b|c)d", ["aBd", "Cd"], ["aBD"]),
    ("(?s).", ["\n"], []),
    (".", ["é"], ["\n"]),
    ("(?R).", [], ["\r"]),
    ("[a&&b]", [], ["a", "&", ""]),
    ("[a-z&&[^aeiou]]+", ["xyz"], ["xay"]),
    ("[0-9--4]", ["5"], ["4"]),
    ("[a-g~~b-h]", ["a", "h"], ["c"]),
    ("[x[^xyz]]", ["x", "é"], ["y"]),
    (r"[\p{Greek}&&\pL]", ["ω"], ["w", "\u0375"]),
    (r"(?i)[\pL--[a-z]]", ["é"], ["a", "A", "\u212a", "1"]),
    ("[[:alpha:]]", ["a"], ["é", ":"]),
    ("[[:^alpha:]]", ["é"], ["a"]),
    ("[:alpha:]", ["a", ":"], ["z"]),
    ("[a-]", ["-"], []),
    ("[]a]", ["]"], []),
    ("[^]a]", ["b"], ["]"]),
    (r"[\W_]", ["_", "-"], ["é"]),
    ("(?i)[^a]", ["b"], ["A"]),
    (r"\u{e9}\u00e9\xe9\U000000e9", ["éééé"], []),
    (r"\pN", ["1", "Ⅷ"], []),
    (r"\p{Letter}\p{sc=Greek}\P{Lu}", ["éωa"], ["éwa", "éωA"]),
    (r"\p{gc!=Nd}", ["a"], ["1"]),
    ("(?<n>a)(?P<m>b)", ["ab"], []),
    (r"\Aa\z", ["a"], ["a\n"]),
    (r"\ba\b", ["a"], []),
    (r"\Ba", [], ["a"]),
    ("a{1001}", ["a" * 1001], ["a" * 1000]),
    ("(?:a{100}){20}", ["a" * 2000], ["a" * 1999]),
    ("a{ 2 }", ["aa"], []),
    ("a{0}", [""], ["a"]),
    ("a++", ["aaa"], []),
    (r"/\/\-\@\~\_\ }]", ["//-@~_ }]"], []),
    (r"\<a\>", ["a"], ["b"]),
    (r"a\b{end}", ["a"], ["b"]),
    (r"\p{Alphabetic}\p{Age=3.0}", ["aa", "a1"], ["1a"]),
    (r"\b.\b", ["é", "a"], ["-"]),
    ("(?mR)^a$", ["a"], ["a\r"]),
    (r"\w", ["a"], ["\u0378", "\udcff"]),
]

# A pattern, and what the regex crate says of it.
REFUSED_BY_RUST = [
    ("(?=x)", "look-around, including look-ahead and look-behind, is not supported"),
    ("(?<!x)", "look-around, including look-ahead and look-behind, is not supported"),
    (r"(a)\1", "backreferences are not supported"),
    ("(?>a)", "unrecognized flag"),
    ("(?#c)", "unrecognized flag"),
    (r"\Z", "unrecognized escape sequence"),
    (r"\Q..\E", "unrecognized escape sequence"),
    (r"\é", "unrecognized escape sequence"),
    ("(?<n>)|(?<n>)", "duplicate capture group name"),
    ("(?<>a)", "empty capture group name"),
    ("(?P<1>a)", "invalid capture group character"),
    ("(?P<n", "unclosed capture group name"),
    ("[a", "unclosed character class"),
    ("[b-a]", "invalid character class range, the start must be <= the end"),
    (r"[a-\d]", "invalid range boundary, must be a literal"),
    (r"[\b]", "invalid escape sequence found in character class"),
    ("(a", "unclosed group"),
    ("a)", "unopened group"),
    ("a|*", "repetition operator missing expression"),
    ("(?)", "repetition operator missing expression"),
    ("a{2,1}", "invalid repetition count range, the start must be <= the end"),
    ("a{,3}", "repetition quantifier expects a valid decimal"),
    ("a{", "unclosed counted repetition"),
    ("(?i-)", "dangling flag negation operator"),
    ("(?ii)", "duplicate flag"),
    ("(?--i)", "flag negation operator repeated"),
    ("(?i", "expected flag but got end of regex"),
    ("\\", "incomplete escape sequence, reached end of pattern prematurely"),
    (r"\x{}", "hexadecimal literal empty"),
    (r"\u{d800}", "hexadecimal literal is not a Unicode scalar value"),
    (r"\xZZ", "invalid hexadecimal digit"),
    (r"\pQ", "Unicode property not found"),
    (r"\b{start", "special word boundary assertion is either unclosed or contains an invalid character"),
    ("(?-u).", "pattern can match invalid UTF-8"),
    ("(?-u)[^a]", "pattern can match invalid UTF-8"),
    (r"(?-u)\pL", "Unicode not allowed here"),
    ("(?-u)[é]", "Unicode not allowed here"),
    ("(" * 251 + ")" * 251, "exceed the maximum number of nested parentheses/brackets (250)"),
    ("[" * 5000, "unclosed character class"),
    ("a{1000000}", "Compiled regex exceeds size limit of 10485760 bytes."),
    (r"\w{400}", "Compiled regex exceeds size limit of 10485760 bytes."),
]

# A pattern of a ServiceProfile, paths that it matches, and paths that it doesn't.
PROFILES = [
    ("/api|/apiv2", ["/api", "/api/x", "/x/apiv2"], ["/x/api", "/apx"]),
    ("/books/[^/]*", ["/books/1"], ["/books/1/2", "/x/books/1"]),
    ("^/api", ["/api"], ["/api/x"]),
    ("/api$", ["/api"], ["/x/api"]),
    ("^/a|/b$", ["/a/x", "/x/b"], ["/x"]),
    (" /api\n", ["/api"], [" /api"]),
    (r"/price\$", ["/price$", "/price$x"], ["/x/price$"]),
    (r".*\.(js|json)", ["/a.js", "/a.json"], ["/a.jsx"]),
]


@pytest.mark.parametrize(("pattern", "re2", "go"), REFUSED_BY_RE2, ids=lambda text: str(text)[:20])
def test_what_re2_refuses(pattern, re2, go):
    assert expressions.fault(pattern, Dialect.RE2) == (Fault(re2) if re2 else None)
    assert expressions.fault(pattern, Dialect.GO) == Fault(f"error parsing regexp: {go}")


@pytest.mark.parametrize(("pattern", "why"), REFUSED_BY_RUST, ids=lambda text: text[:20])
def test_what_rust_refuses(pattern, why):
    assert expressions.fault(pattern, Dialect.RUST) == Fault(why)


@pytest.mark.parametrize(
    ("dialect", "pattern", "yes", "no"),
    [
        (dialect, *case)
        for dialect, table in ((Dialect.RE2, RE2), (Dialect.RUST, RUST), (Dialect.PROFILE, PROFILES))
        for case in table
    ],
    ids=lambda value: str(value)[:20],
)
def test_matches(dialect, pattern, yes, no):
    assert expressions.fault(pattern, dialect) is None
    assert [text for text in (*yes, *no) if expressions.matches(pattern, text, dialect)] == yes


@pytest.mark.parametrize(
    ("pattern", "text", "matches"), [("b", "abc", True), ("^b", "abc", False), ("c$", "abc\n", False)]
)
def test_go_searches(pattern, text, matches):
    assert expressions.matches(pattern, text, Dialect.GO) is matches


@pytest.mark.parametrize("pattern", [r"\p{Letter}", r"\pL{1000}"])
def test_what_go_may_take_is_no_refusal_of_its(pattern):
    assert expressions.fault(pattern, Dialect.RE2).refused
    assert not expressions.fault(pattern, Dialect.GO).refused


@pytest.mark.parametrize(
    ("dialect", "pattern", "text"),
    [
        (Dialect.GO, r"\B", "aéa"),
    ],
)
def test_a_text_that_re2_sees_otherwise_is_not_decided(dialect, pattern, text):
    assert expressions.fault(pattern, dialect) is None
    with pytest.raises(NotModelledError):
        expressions.matches(pattern, text, dialect)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^/([a-z0-9-]+/?)*$", "/" + "a" * 5000 + "!"),
        ("/(a+)+$", "/" + "a" * 5000 + "!"),
        ("(x+x+)+y", "x" * 5000),
        ("(a|a?)+b", "a" * 5000),
        ("(.*)*(.*)*(.*)*=", "a" * 5000),
    ],
)
def test_no_pattern_takes_long(dialect, pattern, text):
    begin = time.process_time()
    assert not expressions.matches(pattern, text, dialect)
    assert time.process_time() - begin < 1


def test_nothing_is_printed(capfd):
    for dialect in Dialect:
        for pattern in ("[[:alpha:]]", "(", "[[a]]", r"\pL{1000}", "\0"):
            expressions.fault(pattern, dialect)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pattern", "replacement", "text", "result"),
    [
        ("^/api/(.*)$", r"/\1", "/api/x", "/x"),
        ("/a", "/b", "/a/a", "/b/b"),
        ("(?i)/A", r"<\0>", "/a", "</a>"),
        ("b*", "-", "abc", "-a-c-"),
        ("x*", "-", "é", "-é-"),
        ("(a)|(b)", r"\2\\", "ab", "\\b\\"),
        ("^", "/x", "/a", "/x/a"),
        ("a", "é", "\udcffa", "\udcffé"),
    ],
)
def test_substitution_is_res_global_replace(pattern, replacement, text, result):
    assert expressions.substitution_fault(pattern, replacement) is None
    assert expressions.substitute(pattern, replacement, text) == result


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        ("(", "", r"missing \)"),
        ("(a)", r"\2", "requests 2 matches, but the regexp only has 1 parenthesized"),
        ("a", "\\", "not allowed at end"),
        ("a", r"\g<0>", "must be followed by a digit"),
    ],
)
def test_what_cannot_be_substituted(pattern, replacement, words):
    assert re.search(words, expressions.substitution_fault(pattern, replacement).why)
    with pytest.raises(NotModelledError):
        expressions.substitute(pattern, replacement, "a")


TEXTS = st.text(alphabet="ab/.-é1", max_size=8)
PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "/", r"\.", ".", "[ab]", "[^a]", "é", "1"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "{2}", "{0,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(PATTERNS, TEXTS)
def test_between_anchors_all_dialects_agree(pattern, text):
    whole = f"^(?:{pattern})$"
    answers = {dialect: expressions.matches(whole, text, dialect) for dialect in Dialect}
    assert set(answers.values()) == {expressions.matches(pattern, text, Dialect.RE2)}


@given(PATTERNS, TEXTS)
def test_a_first_match_that_spans_is_a_full_match(pattern, text):
    if expressions.matches(pattern, text, Dialect.RUST):
        assert expressions.matches(pattern, text, Dialect.RE2)


@given(PATTERNS, TEXTS)
def test_simple_patterns_are_pythons(pattern, text):
    first = re.match(pattern, text)
    assert expressions.matches(pattern, text, Dialect.RUST) is (
        first is not None and first.end() == len(text)
    )
    assert expressions.matches(pattern, text, Dialect.RE2) is (re.fullmatch(pattern, text) is not None)


@given(st.text(alphabet="ab1é()[]{}|*+?^$.\\-&~:,<>=!#ipuUxsmRwdWQEz \n", max_size=24), TEXTS)
def test_every_pattern_has_an_answer(pattern, text):
    for dialect in Dialect:
        if expressions.fault(pattern, dialect) is None:
            try:
                expressions.matches(pattern, text, dialect)
            except NotModelledError:
                assert dialect is not Dialect.RE2


@given(TEXTS, TEXTS)
def test_a_quoted_text_matches_itself_alone(one, other):
    pattern = re.escape(one)
    for dialect in (Dialect.RE2, Dialect.RUST):
        assert expressions.matches(pattern, other, dialect) is (one == other)
