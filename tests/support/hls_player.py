"""Plays HLS with hls.js in a real browser, from the master playlist to the last frame."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import node_packages
from tests.support.waiting import HANG_SECONDS, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NO_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH (apt-get install chromium)")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PAGE = """<!doctype html><video muted></video><script src="/hls.js"></script><script>
const tell = (event) => fetch('/told', {method: 'POST', body: JSON.stringify(event)});
const video = document.querySelector('video');
const hls = new Hls({enableWorker: false});
let lastFrame = null;
const watchFrames = (_, frame) => { lastFrame = frame.mediaTime; video.requestVideoFrameCallback(watchFrames); };
video.requestVideoFrameCallback(watchFrames);
hls.on(Hls.Events.ERROR, (_, data) => tell({event: 'error', details: data.details, fatal: data.fatal}));
hls.on(Hls.Events.SUBTITLE_FRAG_PROCESSED, () => start());
hls.on(Hls.Events.MANIFEST_PARSED, () => {
    tell({
        event: 'parsed',
        levels: hls.levels.map(({height, codecSet}) => ({height: height ?? null, codecs: codecSet})),
        subtitles: hls.allSubtitleTracks.map(({lang, name}) => ({language: lang, name})),
    });
    if (!hls.allSubtitleTracks.length) start();
});
const start = () => {
    video.playbackRate = RATE;
    video.play().catch((error) => tell({event: 'error', details: `${error}`, fatal: true}));
};
video.textTracks.addEventListener('addtrack', ({track}) => {
    track.addEventListener('cuechange', () => {
        for (const cue of track.activeCues ?? []) tell({event: 'cue', text: cue.text, time: video.currentTime});
    });
    setTimeout(() => { track.mode = 'showing'; }, 0);  // as a viewer who turns captions on
});
video.addEventListener('timeupdate', () => {  // played fast, the last frames may not be shown
    if (video.duration - video.currentTime < 2) video.playbackRate = 1;
});
video.addEventListener('ended', () => tell({
    event: 'ended', time: video.currentTime, duration: video.duration, lastFrame,
    tracks: [...video.textTracks].map(({language, mode, cues}) => ({language, mode, cues: cues ? cues.length : 0})),
}));
hls.loadSource(MASTER);
hls.attachMedia(video);
</script>"""


class File(NamedTuple):
    content_type: str
    body: bytes


@dataclass
class Playback:
    """What the page told, in order."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What went wrong, but for stalls: a busy machine plays more slowly than the time goes."""
        return [event for event in self.of("error") if event["details"] != "bufferStalledError"]

    @property
    def end(self) -> dict[str, Any]:
        """`time`, `duration` and `lastFrame` in seconds; `tracks`: language, mode and number of cues."""
        return self.of("ended")[0]

    @property
    def shown(self) -> list[str]:
        """The captions that were shown, in order."""
        return list(dict.fromkeys(event["text"] for event in self.of("cue")))

    @property
    def is_over(self) -> bool:
        return bool(self.of("ended")) or any(event["fatal"] for event in self.of("error"))


def play(master_url: str, profile: Path, *, files: Mapping[str, File] | None = None, rate: float = 4.0) -> Playback:
    """Plays until the end, or a fatal error. `files` are served by the page's own host, by path; `rate`: how fast."""
    page = PAGE.replace("MASTER", json.dumps(master_url)).replace("RATE", str(rate))
    script = (node_packages.folder() / "node_modules" / "hls.js" / "dist" / "hls.min.js").read_bytes()
    own = {"/": File("text/html", page.encode()), "/hls.js": File("text/javascript", script)}
    site = _Site({**own, **(files or {})})
    with _serving(site), _browser(f"http://127.0.0.1:{site.server_port}/", profile):
        until(lambda: site.playback.is_over, lambda: site.playback.events)
    return site.playback


class _Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: Mapping[str, File]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.playback = Playback()


class _Handler(BaseHTTPRequestHandler):
    server: _Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        file = self.server.files.get(self.path.partition("?")[0])
        if file is None:
            self._answer(404, "text/plain", b"")
        elif match := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            self._answer(206, file.content_type, file.body[int(match[1]) : int(match[2]) + 1])
        else:
            self._answer(200, file.content_type, file.body)

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.playback.events.append(told)
        self._answer(200, "text/plain", b"")

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _serving(site: _Site) -> Iterator[None]:
    threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        site.shutdown()
        site.server_close()


@contextmanager
def _browser(address: str, profile: Path) -> Iterator[None]:
    # With a port for a debugger it stays until it is ended.
    command = [str(CHROMIUM), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", address]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        browser.terminate()
        browser.wait(HANG_SECONDS)
