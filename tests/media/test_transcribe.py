import json
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import jiwer
import numpy as np
import pysubs2
import pytest
import webvtt

from infra import whisper_models
from mediajobs.errors import JobError, Stopped
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.options import Options, Transcription
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.transcripts.transcript import LanguageShare
from statemachine.tasks import audio_decoder, speech_chunks, speech_model, speech_recognition, transcribe
from statemachine.tasks.context import TaskContext
from tests.support.media_samples import AUDIO, VIDEO, ffmpeg, output, picture
from tests.support.task_context import Recorder, job, keys, stored_source, validated

ROOT = Path(__file__).parents[2]
DEMO = Path(__file__).parent / "demo" / "speech.mp4"
REFERENCE = DEMO.with_suffix(".transcript.txt").read_text()
GERMAN = Path(__file__).parent / "german.mp3"  # espeak-ng -v de -s 140: 11 s about Hamburg


class Made(NamedTuple):
    context: TaskContext
    recorder: Recorder
    manifest: TaskManifest


FORMATS = ("txt", "srt", "vtt", "json")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    into = ROOT / whisper_models.MODELS_DIR
    whisper_models.pull("base", into)
    return into


@pytest.fixture(scope="session")
def engine(models_dir: Path) -> speech_model.SpeechModel:
    return speech_model.load(models_dir / "base")


def spoken(bucket: MediaBucket, clip: Path, models_dir: Path, **asked: Any) -> tuple[TaskContext, Recorder]:
    """A validated job that wants a transcript of the clip."""
    options = Options(transcription=Transcription(model="base", **asked))
    recorder = Recorder()
    return replace(validated(job(bucket, clip, options)), models_dir=models_dir, reporter=recorder), recorder


def decoded(context: TaskContext) -> speech_recognition.Samples:
    assert context.source is not None
    return audio_decoder.decode(stored_source(context), context.source, lambda: None)


def read(context: TaskContext, extension: str) -> str:
    chunks = context.bucket.read_chunks(f"outputs/{context.job_id}/transcript.{extension}")
    return b"".join(chunks).decode()


def word_error_rate(text: str) -> float:
    return float(jiwer.wer(_plain(REFERENCE), _plain(text)))


def samples_of(path: Path) -> speech_recognition.Samples:
    return np.frombuffer(output("-i", path, "-f", "s16le", "-ar", "16000", "-ac", "1", "-"), dtype="<i2")


@pytest.fixture(scope="module")
def made(bucket: MediaBucket, models_dir: Path) -> Made:
    """One run over the demo video."""
    context, recorder = spoken(bucket, DEMO, models_dir)
    return Made(context, recorder, transcribe.run(context))


def test_fewer_than_five_words_in_a_hundred_are_wrong(made: Made) -> None:
    assert word_error_rate(read(made.context, "txt")) < 0.05


def test_every_format_says_the_same(made: Made) -> None:
    context = made.context
    text = _plain(read(context, "txt"))
    srt = pysubs2.SSAFile.from_string(read(context, "srt"), format_="srt")
    vtt = webvtt.from_string(read(context, "vtt"))
    document = json.loads(read(context, "json"))

    assert _plain(" ".join(event.plaintext for event in srt)) == text
    assert _plain(" ".join(caption.text for caption in vtt.captions)) == text
    assert _plain(document["text"]) == text
    assert _plain(" ".join(w["word"] for s in document["segments"] for w in s["words"])) == text


def test_words_stand_where_they_are_spoken(made: Made) -> None:
    words = [word for segment in json.loads(read(made.context, "json"))["segments"] for word in segment["words"]]
    starts = {_plain(word["word"]): word["start"] for word in words}

    assert starts["dashwood"] == pytest.approx(0.94, abs=0.4)
    assert starts["respectable"] == pytest.approx(11.8, abs=0.4)
    assert starts["americans"] == pytest.approx(20.2, abs=0.6)


def test_the_manifest_describes_what_lies_in_the_bucket(made: Made) -> None:
    context, manifest = made.context, made.manifest

    assert [each.name for each in manifest.outputs] == [f"transcript_{name}" for name in FORMATS]
    assert all(context.bucket.size(each.key) == each.size_bytes for each in manifest.outputs)
    stored = context.bucket.read_json(f"outputs/{context.job_id}/manifests/transcribe.json")
    assert TaskManifest.model_validate(stored) == manifest
    assert manifest.facts.items() >= {"language": "en", "model": "base", "device": "cpu"}.items()
    assert manifest.facts["word_count"] == len(read(context, "txt").split())


def test_progress_is_that_of_the_words(made: Made) -> None:
    percent = made.recorder.percent["transcribe_video"]

    assert percent == sorted(percent)
    assert percent[0] == 0
    assert percent[-1] == 100
    assert made.recorder.finished == ["transcribe_video"]


def test_a_second_run_finds_it_done(made: Made) -> None:
    context, manifest = made.context, made.manifest
    recorder = Recorder()

    again = transcribe.run(replace(context, attempt=2, models_dir=Path("/nonexistent"), reporter=recorder))

    assert again == manifest
    assert recorder.finished == ["transcribe_video"]


def test_a_lost_output_is_made_again(made: Made) -> None:
    context = made.context
    context.bucket.delete(f"outputs/{context.job_id}/transcript.vtt")

    transcribe.run(replace(context, attempt=2, reporter=Recorder()))

    assert read(context, "vtt").startswith("WEBVTT")


def test_a_second_language_is_transcribed_as_what_it_is(bucket: MediaBucket, models_dir: Path, tmp_path: Path) -> None:
    _join([DEMO, GERMAN, GERMAN], tmp_path / "two.mp3")
    context, _ = spoken(bucket, tmp_path / "two.mp3", models_dir)

    manifest = transcribe.run(context)

    document = json.loads(read(context, "json"))
    by_language = {
        language: _plain(" ".join(s["text"] for s in document["segments"] if s["language"] == language))
        for language in ("en", "de")
    }
    assert word_error_rate(by_language["en"]) < 0.1
    assert "geschichte der stadt hamburg" in by_language["de"]
    assert "meine damen und herren" in by_language["de"]
    assert document["language"] == "en"
    assert [found["language"] for found in document["languages"]] == ["en", "de"]
    assert [found["share"] for found in document["languages"]] == pytest.approx([0.55, 0.45], abs=0.08)
    assert [warning.code for warning in manifest.warnings] == ["languages_changed"]
    assert "en 5" in manifest.warnings[0].message


def test_a_language_between_another_is_found(engine: speech_model.SpeechModel, tmp_path: Path) -> None:
    _join([DEMO, GERMAN, DEMO], tmp_path / "three.mp3")

    transcript = speech_recognition.transcribe(engine, samples_of(tmp_path / "three.mp3"))

    changes = [language for language, _ in groupby(segment.language for segment in transcript.segments)]
    assert changes == ["en", "de", "en"]
    german = " ".join(segment.text for segment in transcript.segments if segment.language == "de")
    assert "geschichte der stadt hamburg" in german.lower()


@pytest.mark.parametrize(("speech", "language"), [(DEMO, "en"), (GERMAN, "de")])
def test_one_language_stays_one(engine: speech_model.SpeechModel, speech: Path, language: str) -> None:
    transcript = speech_recognition.transcribe(engine, samples_of(speech))

    assert transcript.languages == (LanguageShare(language, 1.0),)
    assert transcript.language_probability is not None
    assert transcript.language_probability > 0.8


def test_a_language_that_was_given_is_used_throughout(engine: speech_model.SpeechModel, tmp_path: Path) -> None:
    transcript = speech_recognition.transcribe(engine, samples_of(GERMAN), language="en")

    assert {segment.language for segment in transcript.segments} <= {"en"}
    assert transcript.language_probability is None


def test_a_model_of_english_alone_needs_no_detection(tmp_path: Path) -> None:
    models = ROOT / whisper_models.MODELS_DIR
    whisper_models.pull("tiny.en", models)

    transcript = speech_recognition.transcribe(speech_model.load(models / "tiny.en"), samples_of(DEMO))

    assert (transcript.language, transcript.language_probability) == ("en", None)
    assert word_error_rate(" ".join(segment.text for segment in transcript.segments)) < 0.1


def test_the_words_are_those_of_the_batched_pipeline(engine: speech_model.SpeechModel) -> None:
    from faster_whisper import BatchedInferencePipeline

    samples = samples_of(DEMO)
    pipeline: Any = BatchedInferencePipeline
    theirs, _ = pipeline(engine.whisper).transcribe(samples.astype(np.float32) / 32768, word_timestamps=True)
    words = [word for segment in theirs for word in segment.words]
    ours = [word for segment in speech_recognition.transcribe(engine, samples).segments for word in segment.words]

    assert [word.text for word in ours] == [word.word for word in words]
    assert [word.start for word in ours] == pytest.approx([word.start for word in words], abs=0.05)


def test_silence_gives_an_empty_transcript(bucket: MediaBucket, models_dir: Path, tmp_path: Path) -> None:
    silence = ["-f", "lavfi", "-i", "anullsrc=duration=4:sample_rate=44100"]
    ffmpeg(*picture("320x180", 4), *silence, *VIDEO, *AUDIO, tmp_path / "silence.mp4")
    context, recorder = spoken(bucket, tmp_path / "silence.mp4", models_dir)

    manifest = transcribe.run(context)

    assert (manifest.facts["word_count"], manifest.facts["language"]) == (0, None)
    assert (read(context, "txt"), read(context, "srt")) == ("", "")
    assert webvtt.from_string(read(context, "vtt")).captions == []
    assert recorder.finished == ["transcribe_video"]


def test_without_sound_there_is_nothing_to_transcribe(bucket: MediaBucket, models_dir: Path, tmp_path: Path) -> None:
    ffmpeg(*picture("320x180", 2), *VIDEO, tmp_path / "mute.mp4")
    context, recorder = spoken(bucket, tmp_path / "mute.mp4", models_dir)

    manifest = transcribe.run(context)

    assert manifest.outputs == []
    assert {absent.reason for absent in manifest.absent} == {"source has no audio"}
    assert recorder.skipped == {"transcribe_video": "source has no audio"}


def test_sound_that_starts_late_keeps_its_place(bucket: MediaBucket, tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    ffmpeg(*picture("320x180", 9), "-itsoffset", "4", "-t", "4", "-i", DEMO, "-map", "0:v", "-map", "1:a", *VIDEO, late)

    samples = decoded(validated(job(bucket, late)))

    assert np.argmax(np.abs(samples) > 1000) / speech_recognition.SAMPLE_RATE == pytest.approx(4.1, abs=0.2)
    assert len(samples) / speech_recognition.SAMPLE_RATE == pytest.approx(9, abs=0.1)


def test_a_model_that_is_not_there_is_named_with_its_cure(bucket: MediaBucket, tmp_path: Path) -> None:
    context, _ = spoken(bucket, DEMO, tmp_path)

    with pytest.raises(JobError, match=r"mediajobs models pull base") as caught:
        transcribe.run(context)

    assert (caught.value.code, caught.value.retryable) == ("model_not_available", False)


def test_a_damaged_model_is_named_and_what_else_there_is_without_a_path(tmp_path: Path) -> None:
    for model in ("good", "bad", ".half"):
        (tmp_path / model).mkdir()
        for file in ("model.bin", "config.json", "tokenizer.json"):
            (tmp_path / model / file).write_bytes(b"{}")

    for asked, wrong in (("bad", "'bad' cannot be loaded"), ("nope", "'nope' is not installed")):
        with pytest.raises(JobError, match=wrong) as caught:
            speech_model.load(tmp_path / asked)

        others = {"bad": "Ask for good;", "nope": "Ask for bad or good;"}
        assert caught.value.code == "model_not_available"
        assert others[asked] in caught.value.message
        assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize("name", ["..", ".", ".hidden"])
def test_a_model_name_does_not_leave_the_folder_of_models(bucket: MediaBucket, models_dir: Path, name: str) -> None:
    context, _ = spoken(bucket, DEMO, models_dir / "base")
    options = context.options.model_copy(update={"transcription": Transcription(model=name)})

    with pytest.raises(JobError, match="is no speech model"):
        transcribe.run(replace(context, options=options))


def test_a_language_that_the_model_does_not_know_is_named(bucket: MediaBucket, models_dir: Path) -> None:
    context, _ = spoken(bucket, DEMO, models_dir, language="xx")

    with pytest.raises(JobError, match="does not know the language 'xx'") as caught:
        transcribe.run(context)

    assert caught.value.code == "language_not_supported"


@pytest.mark.parametrize("percent", [0, 1], ids=["while decoding", "among the words"])
def test_a_cancelled_job_stops(bucket: MediaBucket, models_dir: Path, percent: int) -> None:
    context, _ = spoken(bucket, DEMO, models_dir)

    with pytest.raises(Stopped):
        transcribe.run(replace(context, reporter=Recorder(stop=lambda seen: seen["transcribe_video"] >= percent)))

    assert keys(context) == []


def test_a_long_recording_is_cut_into_windows_where_it_is_quiet(
    engine: speech_model.SpeechModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_chunks, "WINDOW_SECONDS", 16)
    monkeypatch.setattr(speech_chunks, "_CUT_RANGE_SECONDS", 4)
    samples = samples_of(DEMO)

    cuts = list(speech_chunks.windows(samples))
    transcript = speech_recognition.transcribe(engine, samples)

    assert [end for _, end in cuts[:-1]] == [start for start, _ in cuts[1:]]
    assert (cuts[0][0], cuts[-1][1], len(cuts)) == (0, len(samples), 2)
    assert word_error_rate(" ".join(segment.text for segment in transcript.segments)) < 0.05
    starts = {_plain(word.text): word.start for segment in transcript.segments for word in segment.words}
    assert starts["americans"] == pytest.approx(20.2, abs=0.6)


def test_windows_cover_every_length_without_gap_or_overlap() -> None:
    rate = speech_recognition.SAMPLE_RATE
    for seconds in (0, 1, 329, 330, 331, 660, 4000):
        samples = np.zeros(seconds * rate, dtype=np.int16)
        covered = list(speech_chunks.windows(samples))

        assert sum(end - start for start, end in covered) == len(samples)
        assert all(0 < end - start <= 330 * rate for start, end in covered)


def test_a_gpu_that_does_not_work_is_left_for_the_cpu(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2  # type: ignore[import-untyped]

    if ctranslate2.get_cuda_device_count():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)

    engine = speech_model.load(models_dir / "base")

    assert (engine.device, engine.compute_type) == ("cpu", "int8")


def _join(sources: list[Path], into: Path) -> None:
    inputs = [argument for source in sources for argument in ("-i", source)]
    resampled = "".join(f"[{at}:a]aresample=16000,aformat=channel_layouts=mono[a{at}];" for at in range(len(sources)))
    labels = "".join(f"[a{at}]" for at in range(len(sources)))
    ffmpeg(*inputs, "-filter_complex", f"{resampled}{labels}concat=n={len(sources)}:v=0:a=1", into)


def _plain(text: str) -> str:
    """Lower case letters and single blanks; the one abbreviation is spelt out."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower().replace("mr.", "mister").replace("\n", " ")).split())
