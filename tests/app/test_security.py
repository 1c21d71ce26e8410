"""Who may call, by which name, with how much, and what is never told."""

import asyncio
import gzip
import logging
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.app.settings import LOOPBACK, Limits, ServeSettings
from synthfm3d.app.store import Full, OpenScan, Store, new_id
from synthfm3d.errors import InputError
from synthfm3d.io.nifti import nifti_bytes, write_nifti
from synthfm3d.segmentation.session import Session

TOKEN = "correct-horse-battery"


# ---------------------------------------------------------------- names and origins


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "", "[::1", "10.0.0.7"]
)
def test_the_server_is_called_by_its_own_names_only(client, host):
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_names_of_this_machine_are_its_own(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:8765", "file://"]
)
def test_a_page_of_another_origin_may_not_call(client, origin):
    assert client.post("/api/scans", json={"scan": 0}, headers={"Origin": origin}).status_code == 403
    assert client.get("/api/files", headers={"Origin": origin}).status_code == 403


def test_a_page_of_this_server_may(client):
    headers = {"Origin": "http://127.0.0.1:8765"}
    assert client.post("/api/scans", json={"scan": 0}, headers=headers).status_code == 201


def test_what_a_browser_marks_as_cross_site_may_follow_a_link_and_nothing_else(client):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/api/files", headers=headers).status_code == 403
    assert client.post("/api/playground", json={}, headers=headers).status_code == 403


def test_behind_a_proxy_the_public_name_is_known_with_any_port(serve):
    client = serve(hosts=LOOPBACK | {"scans.example.org"}, base_url="https://scans.example.org")
    assert client.get("/healthz").status_code == 200
    headers = {"Origin": "https://scans.example.org:444"}
    assert client.get("/api/files", headers=headers).status_code == 200
    cookie = client.get("/api/scans").headers["set-cookie"]
    assert "Secure" in cookie


def test_numeric_addresses_are_known_where_the_server_listens_to_others(serve):
    client = serve(by_address=True, token=TOKEN)
    assert client.get("/healthz", headers={"Host": "192.168.0.4:8765"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


# ---------------------------------------------------------------- token


def test_without_the_token_nothing_is_answered_but_health_and_the_empty_page(serve):
    client = serve(token=TOKEN)
    for path in ("/api/files", "/api/scans", "/openapi.json", "/api/playground", "/api/scans/x/image.nii.gz"):
        assert client.get(path).status_code == 401
    assert client.post("/api/uploads", content=b"x").status_code == 401
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ÿ"])
def test_a_wrong_token_is_refused(serve, given):
    client = serve(token=TOKEN)
    assert client.post("/api/login", json={"token": given}).status_code == 401
    headers = {"Authorization": f"Bearer {given}".encode()}
    assert client.get("/api/files", headers=headers).status_code == 401
    client.cookies.set("synthfm3d_login", given.encode().hex())
    assert client.get("/api/files").status_code == 401


def test_a_program_sends_the_token_and_a_browser_exchanges_it_for_a_cookie(serve):
    client = serve(token=TOKEN)
    assert client.get("/api/files", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    answer = client.post("/api/login", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert client.get("/api/files").status_code == 200


def test_secrets_are_compared_in_constant_time(monkeypatch):
    # What can be tested without a clock: the comparison goes through the function made for it.
    from synthfm3d.app import security

    asked = []
    monkeypatch.setattr(security, "compare_digest", lambda a, b: asked.append((a, b)) or a == b)
    assert not security.same_secret("given", TOKEN)
    assert asked == [(b"given", TOKEN.encode())]


def test_a_short_token_is_no_token():
    with pytest.raises(ValueError, match="16"):
        ServeSettings(token="short")


# ---------------------------------------------------------------- files


@pytest.fixture
def tree(tmp_path, phantom):
    """A root with a scan, a DICOM-like folder, links that lead out of it, and a secret beside it."""
    root = tmp_path / "root"
    (root / "study").mkdir(parents=True)
    write_nifti(root / "study" / "scan.nii.gz", phantom.scan)
    write_nifti(root / ".hidden.nii.gz", phantom.scan)
    write_nifti(tmp_path / "secret.nii.gz", phantom.scan)
    (root / "link.nii.gz").symlink_to(tmp_path / "secret.nii.gz")
    (root / "out").symlink_to(tmp_path)
    (root / "inside.nii.gz").symlink_to(root / "study" / "scan.nii.gz")
    (root / "mixed").mkdir()
    (root / "mixed" / "a.dcm").symlink_to(tmp_path / "secret.nii.gz")
    (root / "circle").symlink_to(root / "circle")
    return root


def test_what_lies_under_the_root_is_listed_and_opens(serve, tree):
    client = serve(root=tree)
    names = [entry["name"] for entry in client.get("/api/files").json()["entries"]]
    assert names == ["mixed", "study", "inside.nii.gz"]
    (entry,) = client.get("/api/files?folder=study").json()["entries"]
    assert client.post("/api/scans", json={"path": entry["path"]}).status_code == 201
    assert client.post("/api/scans", json={"path": "inside.nii.gz"}).status_code == 201


@pytest.mark.parametrize(
    "path",
    [
        "../secret.nii.gz", "study/../../secret.nii.gz", "{tmp}/secret.nii.gz",
        "{tmp}/root/study/scan.nii.gz", "link.nii.gz", "out/secret.nii.gz", ".hidden.nii.gz",
        "circle", "missing.nii.gz", "..", "/",
        "//etc/passwd",
        "study\\..\\..\\secret.nii.gz", "study/\0.nii.gz", "~/x", "file:///etc/passwd", "mixed",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_root_opens_or_is_listed(serve, tree, tmp_path, path):
    client = serve(root=tree)
    path = path.replace("{tmp}", str(tmp_path))
    answer = client.post("/api/scans", json={"path": path})
    assert answer.status_code == 422, answer.text
    assert client.get("/healthz").json()["open_scans"] == 0
    if path != "mixed":
        assert client.get("/api/files", params={"folder": path}).status_code == 422


def test_a_refusal_tells_the_same_of_what_exists_and_what_does_not(serve, tree):
    client = serve(root=tree)
    there = client.post("/api/scans", json={"path": "../secret.nii.gz"}).json()["detail"]
    missing = client.post("/api/scans", json={"path": "../nothing.nii.gz"}).json()["detail"]
    assert there.replace("secret", "nothing") == missing


def test_without_a_root_no_path_opens(client, scan_file):
    assert client.post("/api/scans", json={"path": str(scan_file)}).status_code == 422
    assert client.get("/api/files?folder=/").json()["entries"] == []


@pytest.mark.parametrize(
    "path", ["/../settings.py", "/..%2fsettings.py", "/%2e%2e/settings.py", "/vendor/../../server.py"]
)
def test_the_page_serves_nothing_of_the_package_but_itself(client, path):
    assert client.get(path).status_code == 404


def test_a_root_or_scan_that_does_not_exist_is_told_at_the_start(serve, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        serve(scans=(tmp_path / "missing.nii.gz",))
    with pytest.raises(InputError, match="not a folder"):
        serve(root=tmp_path / "missing")


# ---------------------------------------------------------------- limits


def test_an_upload_above_the_limit_is_refused_before_and_while_it_arrives(serve, phantom):
    content = nifti_bytes(phantom.scan, 0)
    client = serve(limits=Limits(upload_bytes=len(content) - 1))
    assert client.post("/api/uploads", content=content).status_code == 413

    def pieces():  # without a length: told only by counting
        yield content[:-1]
        yield content[-1:]

    assert client.post("/api/uploads", content=pieces()).status_code == 413
    assert client.post("/api/uploads", content=content, headers={"Content-Length": "-5"}).status_code == 413
    assert client.get("/healthz").json()["open_scans"] == 0


def test_a_long_body_of_another_request_is_refused(serve):
    client = serve(limits=Limits(body_bytes=1000))
    assert client.post("/api/scans", content=b" " * 1001).status_code == 413
    assert client.post("/api/scans", content=(b" " * 600 for _ in range(2))).status_code == 413


def test_a_small_file_that_claims_gigabytes_is_refused_by_its_header(client):
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((1024, 1024, 1024))
    header["vox_offset"] = 352
    bomb = gzip.compress(bytes(header.binaryblock) + b"\0\0\0\0" + bytes(2**24))
    assert len(bomb) < 100_000
    answer = client.post("/api/uploads", content=bomb, headers={"X-File-Name": "bomb.nii.gz"})
    assert answer.status_code == 422
    assert "GiB" in answer.json()["detail"]


def test_pickles_are_not_read(client, tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    answer = client.post("/api/uploads", content=(tmp_path / "evil.npy").read_bytes())
    assert answer.status_code == 422


def test_a_scan_too_many_is_refused_until_one_is_closed(serve):
    client = serve(limits=Limits(scans=2))
    first, _ = (client.post("/api/scans", json={"scan": 0}).json() for _ in range(2))
    refused = client.post("/api/scans", json={"scan": 0})
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    client.delete(f"/api/scans/{first['id']}")
    assert client.post("/api/scans", json={"scan": 0}).status_code == 201


def opened(segmenter, phantom):
    session = Session(segmenter, phantom.scan)
    return OpenScan(id=new_id(), name="x", visitor="v", scan=phantom.scan, session=session)


def test_memory_of_all_scans_together_is_bounded(segmenter, phantom):
    store = Store(Limits(voxels=2 * phantom.scan.voxels.size))
    for _ in range(2):
        store.add(opened(segmenter, phantom))
    with pytest.raises(Full):
        store.add(opened(segmenter, phantom))


def test_idle_scans_are_closed_with_their_uploads_and_used_ones_are_not(segmenter, phantom, tmp_path):
    now = [0.0]
    store = Store(Limits(idle_seconds=100), clock=lambda: now[0])
    idle, used, busy = (store.add(opened(segmenter, phantom)) for _ in range(3))
    idle.folder = tmp_path / "upload"
    idle.folder.mkdir()
    asyncio.run(busy.lock.acquire())
    now[0] = 90
    store.get(used.id)
    now[0] = 120
    assert store.close_idle() == 1
    assert not idle.folder.exists()
    with pytest.raises(KeyError):
        store.get(idle.id)
    assert store.get(used.id) is used
    assert store.get(busy.id) is busy


def test_identifiers_cannot_be_guessed():
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert min(map(len, made)) >= 32  # 6 bits a character: 192 bits


# ---------------------------------------------------------------- what goes back


def test_every_answer_carries_the_security_headers(serve):
    client = serve(token=TOKEN)
    answers = [
        client.get("/"), client.get("/vendor/niivue.umd.js"), client.get("/api/files"),
        client.get("/nothing"),
        client.get("/healthz", headers={"Host": "evil.example"}),
    ]  # fmt: skip
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in {name for a in answers for name in a.headers}
    assert client.get("/api/files").headers["cache-control"] == "no-store"


def test_no_name_of_a_patient_reaches_the_log(serve, tmp_path, phantom, caplog):
    caplog.set_level(logging.DEBUG)
    root = tmp_path / "MILLER_ANNA"
    root.mkdir()
    write_nifti(root / "MILLER_ANNA.nii.gz", phantom.scan)
    (root / "MILLER_BAD.nii.gz").write_bytes(b"no scan")
    client = serve(root=root)
    told = client.post("/api/scans", json={"path": "MILLER_ANNA.nii.gz"}).json()
    client.post("/api/scans", json={"path": "MILLER_BAD.nii.gz"})
    client.get("/api/files?folder=MILLER")
    client.post("/api/uploads", content=b"x" * 400, headers={"X-File-Name": "MILLER.nii"})
    client.get(f"/api/scans/{told['id']}/image.nii.gz")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("synthfm3d", "uvicorn"))]
    assert any("/api/scans/{identifier}/image.nii.gz" in line for line in ours)
    assert not any("MILLER" in line or told["id"] in line for line in ours)


# ---------------------------------------------------------------- the command


def command(*words):
    environment = {**os.environ, "SYNTHFM3D_TOKEN": ""}
    run = [sys.executable, "-m", "synthfm3d", "serve", *words]
    return subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "--token random"),
        (["--host", "192.168.0.4"], "--token random"),
        (["--token", "short"], "16 characters"),
        (["missing.nii.gz"], "missing.nii.gz"),
        (["--root", "missing"], "--root"),
    ],
)
def test_the_command_refuses_to_start_unsafe_or_for_nothing(words, told):
    done = command(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
