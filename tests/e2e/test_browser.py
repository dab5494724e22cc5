"""The paper's page, and one with a WebSocket, in a real browser."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local import Stack
from tests.e2e.conftest import DEMO, TERMINAL, Api
from tests.support.waiting import HANG_SECONDS, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH (apt-get install chromium)")
QUICK = {
    "renditions": ["360p"],
    "audio": False,
    "thumbnail": False,
    "storyboard": False,
    "hls": False,
    "transcription": {"enabled": False},
}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip

# As it stands in the paper. The page's own host passes /events on to the API.
PAPER = """
const eventSource = new EventSource(`/events/${jobId}/progress?api_key=${apiKey}`);

eventSource.addEventListener('progress', (event) => {
    const data = JSON.parse(event.data);
    console.log(`Progress: ${data.progress}%`);
    updateProgressBar(data.progress);
});

eventSource.addEventListener('complete', (event) => {
    const data = JSON.parse(event.data);
    console.log(`Job ${data.status}`);
    eventSource.close();
});
"""
# One that never closes: the service has to send it away.
STUBBORN = """
const eventSource = new EventSource(`${apiUrl}/events/${jobId}/progress?api_key=${apiKey}`);
eventSource.addEventListener('complete', (event) => console.log(`Job ${JSON.parse(event.data).status}`));
eventSource.onerror = () => { if (eventSource.readyState === EventSource.CLOSED) console.log('closed'); };
"""
SOCKET = """
const socket = new WebSocket(`${wsUrl}?api_key=${apiKey}`);
socket.onopen = () => socket.send(JSON.stringify({action: 'subscribe', job_ids: [jobId]}));
socket.onmessage = ({data}) => {
    const frame = JSON.parse(data);
    console.log(`${frame.event} ${frame.data.sequence}`);
    if (frame.event === 'complete') { console.log(`Job ${frame.data.status}`); socket.close(); }
};
"""
PAGE = """<!doctype html><script>
const {jobId, apiKey, apiUrl, wsUrl} = SETTINGS;
const tell = (text) => fetch('/told', {method: 'POST', body: text});
console.log = tell;
const updateProgressBar = (percent) => tell(`bar ${percent}`);
SCRIPT
</script>"""


class Site(ThreadingHTTPServer):
    """One page; it passes events on to the API, counts them, and hears what the page says."""

    daemon_threads = True

    def __init__(self, page: str, api_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page, self.api_url = page, api_url
        self.told: list[str] = []
        self.answers: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if not self.path.startswith("/events/"):
            self._answer(200 if self.path == "/" else 404, "text/html", self.server.page.encode())
            return
        headers = {name: value for name, value in self.headers.items() if name == "Last-Event-ID"}
        answer = requests.get(self.server.api_url + self.path, headers=headers, timeout=HANG_SECONDS)
        self.server.answers.append(answer.status_code)
        self._answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)

    def do_POST(self) -> None:
        self.server.told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(200, "text/plain", b"")

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def visited(script: str, stack: Stack, api: Api, job_id: str, profile: Path) -> Iterator[Site]:
    settings = {"jobId": job_id, "apiKey": api.key, "apiUrl": api.url, "wsUrl": stack.ws_url}
    site = Site(PAGE.replace("SETTINGS", json.dumps(settings)).replace("SCRIPT", script), api.url)
    serving = threading.Thread(target=site.serve_forever, daemon=True)
    serving.start()
    address = f"http://127.0.0.1:{site.server_port}/"
    # With a port for a debugger it stays until it is ended.
    command = [str(CHROMIUM), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", address]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield site
    finally:
        browser.terminate()
        browser.wait(HANG_SECONDS)
        site.shutdown()
        site.server_close()


def told_up_to(site: Site, text: str) -> list[str]:
    until(lambda: text in site.told, lambda: site.told)
    return site.told


def test_the_papers_page_follows_a_real_job_to_its_end_and_asks_no_more(stack: Stack, api: Api, tmp_path: Path) -> None:
    job_id = api.submit(DEMO, options=QUICK)
    with visited(PAPER, stack, api, job_id, tmp_path) as site:
        told = told_up_to(site, "Job completed")
        asked = len(site.answers)
        time.sleep(2.5)  # longer than `retry`
        assert len(site.answers) == asked
    assert "bar 100" in told
    assert told.count("Job completed") == 1
    assert set(site.answers) == {200}


def test_a_page_that_never_closes_is_sent_away(stack: Stack, api: Api, tmp_path: Path) -> None:
    """From another origin, as the pages of integrators are."""
    job_id = api.create(filename="a.mp4")["job_id"]
    api.ask("POST", f"/jobs/{job_id}/cancel", json={})
    with visited(STUBBORN, stack, api, job_id, tmp_path) as site:
        told_up_to(site, "closed")
    assert site.told.count("Job cancelled") == 1


def test_a_page_with_a_socket_follows_a_real_job_to_its_end(stack: Stack, api: Api, tmp_path: Path) -> None:
    job_id = api.submit(DEMO, options=QUICK)
    with visited(SOCKET, stack, api, job_id, tmp_path) as site:
        told = told_up_to(site, "Job completed")
    frames = [line.split() for line in told if line.startswith(("progress", "complete"))]
    assert [event for event, _ in frames][-1] == "complete"
    assert len(frames) > 2
    sequences = [int(sequence) for _, sequence in frames]
    assert sorted(set(sequences)) == sorted(sequences)
    assert api.document(job_id)["status"] in TERMINAL
