import html
import json
from dataclasses import replace
from itertools import pairwise

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from mediajobs.transcripts.cues import cues
from mediajobs.transcripts.subtitles import to_srt, to_vtt
from mediajobs.transcripts.transcript import LanguageShare, Segment, Transcript, Word, to_json, to_txt, word_count

WORDS = "And so, my fellow Americans, ask not what your country can do for you. Ask what you can do for your country."
SPEECH = Segment(
    f" {WORDS}",
    0.0,
    10.6,
    tuple(Word(f" {text}", number * 0.48, number * 0.48 + 0.4, 0.9) for number, text in enumerate(WORDS.split())),
)


def transcript(*segments: Segment, language: str = "en", task: str = "transcribe") -> Transcript:
    return Transcript(segments, language, 0.98, 11.0, "base", task)


times = st.floats(min_value=-1, max_value=500_000) | st.floats()
texts = st.text(max_size=60) | st.sampled_from(
    ["-->", "1", "NOTE", "<b>", "a\n\nb", "00:01.000 --> 00:02.000", "{\\an8}"]
)
words = st.builds(Word, texts, times, times, st.floats())
segments = st.builds(
    Segment, texts, times.filter(lambda time: time == time), times, st.lists(words, max_size=8).map(tuple)
)


@settings(deadline=None)
@given(st.lists(segments, max_size=6))
def test_cues_are_in_order_apart_short_and_narrow(spoken: list[Segment]) -> None:
    made = cues(transcript(*spoken))

    assert all(0 < cue.end_ms - cue.start_ms <= 7_000 for cue in made)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(made))
    assert all(1 <= len(cue.lines) <= 2 for cue in made)
    assert all(0 < len(line) <= 42 and line == " ".join(line.split()) for cue in made for line in cue.lines)


@settings(deadline=None)
@given(st.lists(segments, max_size=6))
def test_nothing_that_was_said_is_lost_between_cues(spoken: list[Segment]) -> None:
    said = "".join(word.text for segment in spoken for word in segment.words or [Word(segment.text, 0, 0)])
    shown = "".join(line for cue in cues(transcript(*spoken)) for line in cue.lines)

    assert _letters(shown) == _letters(said)


@settings(deadline=None)
@given(st.lists(segments, max_size=6))
def test_vtt_reads_back_as_the_cues(spoken: list[Segment]) -> None:
    read = webvtt.from_string(to_vtt(transcript(*spoken)))

    expected = cues(transcript(*spoken))
    assert [html.unescape(caption.raw_text) for caption in read.captions] == ["\n".join(cue.lines) for cue in expected]
    assert [round(caption.start_in_seconds) for caption in read.captions] == [cue.start_ms // 1000 for cue in expected]


@settings(deadline=None)
@given(st.lists(segments, max_size=6))
def test_srt_has_one_well_formed_block_a_cue(spoken: list[Segment]) -> None:
    blocks = to_srt(transcript(*spoken)).split("\n\n") if cues(transcript(*spoken)) else []

    assert len(blocks) == len(cues(transcript(*spoken)))
    assert [block.split("\n")[0] for block in blocks] == [str(number) for number in range(1, len(blocks) + 1)]
    assert all(block.count("-->") == 1 for block in blocks)


@settings(deadline=None)
@given(st.lists(segments, max_size=6))
def test_json_is_valid_whatever_the_model_gave(spoken: list[Segment]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(to_json(transcript(*spoken)), parse_constant=refuse)

    assert len(read["segments"]) == len(spoken)


def test_speech_becomes_readable_subtitles() -> None:
    read = pysubs2.SSAFile.from_string(to_srt(transcript(SPEECH)), format_="srt")

    assert [event.plaintext for event in read] == [
        "And so, my fellow Americans, ask not\nwhat your country can do for you.",
        "Ask what you can do for your country.",
    ]
    assert [(event.start, event.end) for event in read] == [(0, 6640), (6720, 10480)]


def test_srt_and_vtt_say_the_same() -> None:
    srt = pysubs2.SSAFile.from_string(to_srt(transcript(SPEECH)), format_="srt")
    vtt = pysubs2.SSAFile.from_string(to_vtt(transcript(SPEECH)), format_="vtt")

    assert [(event.start, event.end, event.plaintext) for event in srt] == [
        (event.start, event.end, event.plaintext) for event in vtt
    ]


@pytest.mark.parametrize(
    ("seconds", "clock"),
    [
        (0.0, "00:00:00,000"),
        (59.9996, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (0.0004, "00:00:00,000"),
        (360_000.5, "100:00:00,500"),
    ],
)
def test_times_carry_over_and_never_show_sixty(seconds: float, clock: str) -> None:
    assert f"\n{clock} --> " in to_srt(transcript(Segment("word", seconds, seconds + 1)))


def test_markup_is_shown_and_not_obeyed() -> None:
    spoken = transcript(Segment("a --> <script>alert('&')</script> {\\an8}", 0, 2))

    assert "a --&gt; &lt;script&gt;alert('&amp;')&lt;/script&gt; {\\an8}" in to_vtt(spoken)
    assert "a --› ‹script›alert('&')‹/script› (\\an8)" in to_srt(spoken)  # noqa: RUF001


def test_a_pause_ends_a_cue() -> None:
    spoken = Segment("yes no", 0, 10, (Word(" yes", 0, 0.5), Word(" no", 9, 9.5)))

    assert [(cue.start_ms, cue.end_ms) for cue in cues(transcript(spoken))] == [(0, 1000), (9000, 10_000)]


def test_a_last_word_is_not_left_alone() -> None:
    text = "The whole of the work on both of the bridges over the river has cost the city more than three million."
    lines = [line for cue in cues(transcript(_timed(text, 0.3))) for line in cue.lines]

    assert all(len(line.split()) > 2 for line in lines)


def test_a_cue_ends_with_a_clause_where_it_can() -> None:
    text = "Had he married a more amiable woman, he might have been made still more respectable than he was."

    assert [cue.lines for cue in cues(transcript(_timed(text, 0.3)))] == [
        ("Had he married a more amiable woman,",),
        ("he might have been made still", "more respectable than he was."),
    ]


def test_a_short_answer_joins_its_neighbour_unless_there_is_a_pause() -> None:
    asked = _timed("Did all of you come here to see the sea?", 0.3)
    soon, late = (_timed("Yes.", 0.4, start) for start in (3.1, 6.0))

    assert [" ".join(cue.lines) for cue in cues(transcript(asked, soon))] == [f"{asked.text.strip()} Yes."]
    assert cues(transcript(asked, late))[-1].lines == ("Yes.",)


def test_a_cue_stays_until_it_is_read() -> None:
    text = "Extraordinarily incomprehensible characterisations"
    (cue,) = cues(transcript(_timed(text, 0.3)))

    assert cue.end_ms - cue.start_ms == pytest.approx(len(text) / 21 * 1000, abs=50)


def test_two_languages_share_no_cue() -> None:
    english, german = _timed("And that is all.", 0.3), replace(_timed("Guten Tag.", 0.3, 1.3), language="de")

    assert [cue.lines for cue in cues(transcript(english, german))] == [("And that is all.",), ("Guten Tag.",)]


def test_words_follow_the_language_of_their_segment() -> None:
    japanese = Segment("日本", 0, 1, (Word("日", 0, 0.5), Word("本", 0.5, 1)), "ja")
    english = Segment(" cold-hearted", 1, 2, (Word(" cold", 1, 1.5), Word("-hearted", 1.5, 2)), "en")
    spoken = replace(transcript(japanese, english), languages=(LanguageShare("en", 0.5), LanguageShare("ja", 0.5)))

    document = json.loads(to_json(spoken))
    assert [[word["word"] for word in segment["words"]] for segment in document["segments"]] == [
        ["日", "本"],
        ["cold-hearted"],
    ]
    assert [segment["language"] for segment in document["segments"]] == ["ja", "en"]
    assert document["languages"] == [{"language": "en", "share": 0.5}, {"language": "ja", "share": 0.5}]


def test_languages_without_blanks_break_between_characters_that_count_twice() -> None:
    spoken = "日本語の字幕はとても長くなることがありますので改行が必要です"
    characters = tuple(Word(each, 0.2 * at, 0.2 * at + 0.2) for at, each in enumerate(spoken))
    made = cues(transcript(Segment(spoken, 0, 6, characters), language="ja"))

    assert "".join(line for cue in made for line in cue.lines) == spoken
    assert all(len(line) <= 21 for cue in made for line in cue.lines)


def test_a_translation_from_such_a_language_has_whole_words() -> None:
    parts = [" An", "tici", "pation", " is", " every", "thing"]
    words = tuple(Word(part, number / 2, number / 2 + 0.5) for number, part in enumerate(parts))
    translated = transcript(Segment("".join(parts), 0, 3, words), language="ja", task="translate")

    assert word_count(translated) == 3
    document = json.loads(to_json(translated))
    assert [word["word"] for word in document["segments"][0]["words"]] == ["Anticipation", "is", "everything"]


def test_what_clings_to_a_word_is_no_word_and_starts_no_line() -> None:
    parts = [" a", " rather", " peculiarly", " and", " exceptionally", " cold", "-hearted", " man"]
    spoken = transcript(
        Segment("".join(parts), 0, 4, tuple(Word(part, at / 2, at / 2 + 0.4) for at, part in enumerate(parts)))
    )

    assert word_count(spoken) == 7
    assert [cue.lines for cue in cues(spoken)] == [("a rather peculiarly and", "exceptionally cold-hearted man")]


def test_a_segment_without_word_times_is_split_evenly() -> None:
    made = cues(transcript(Segment("word " * 40, 0.0, 20.0)))

    assert len(made) >= 3
    assert made[-1].end_ms == 20_000


def test_silence_gives_valid_empty_files() -> None:
    silence = Transcript((), None, None, 5.0, "base")

    assert to_txt(silence) == ""
    assert to_srt(silence) == ""
    assert len(webvtt.from_string(to_vtt(silence))) == 0
    assert json.loads(to_json(silence))["segments"] == []
    assert word_count(silence) == 0


def test_json_keeps_the_words_with_their_times() -> None:
    read = json.loads(to_json(transcript(SPEECH)))

    assert (read["language"], read["language_probability"], read["word_count"]) == ("en", 0.98, 22)
    assert read["segments"][0]["words"][1] == {"word": "so,", "start": 0.48, "end": 0.88, "probability": 0.9}


def test_text_has_a_line_for_every_segment() -> None:
    assert (
        to_txt(transcript(Segment(" One.\n", 0, 1), Segment("  ", 1, 2), Segment(" Two  words.", 2, 3)))
        == "One.\nTwo words.\n"
    )


def _timed(text: str, seconds_per_word: float, start: float = 0.0) -> Segment:
    words = tuple(
        Word(f" {word}", start + at * seconds_per_word, start + (at + 1) * seconds_per_word)
        for at, word in enumerate(text.split())
    )
    return Segment(f" {text}", start, words[-1].end, words)


def _letters(text: str) -> str:
    return "".join(character for character in text if not character.isspace() and not _is_control(character))


def _is_control(character: str) -> bool:
    return ord(character) < 32 or 127 <= ord(character) < 160 or 0xD800 <= ord(character) < 0xE000
