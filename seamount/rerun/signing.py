"""Who made a build: an Ed25519 signature of its manifest, which holds the hashes of all else.

Source of the scheme: RFC 8032, by the package `cryptography`. Keys are PEM files (PKCS 8, SubjectPublicKeyInfo), as
`openssl genpkey -algorithm ed25519` makes them too.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING

from seamount.build.folder import BuildFolder, changed_files
from seamount.rerun.checks import Check
from toolchain.errors import InputError, MissingPartError
from toolchain.files import write_text
from toolchain.reading import bytes_of, text_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HEADER = "seamount ed25519 1"
_BEFORE = b"seamount build manifest 1\n"
"""Signed before the manifest, so that a signature of something else is none of a build."""
_MOST_KEY = 1 << 14
UNSIGNED = "not signed"


def make_key(path: Path) -> Path:
    """Make a private key, and beside it the public one, which others check with.

    Returns:
        The path of the public key: the private one's with ``.pub`` appended.

    Raises:
        InputError: a file of one of these names is there.
        MissingPartError: the package cryptography is not installed.
    """
    _require()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, public = Ed25519PrivateKey.generate(), path.with_name(f"{path.name}.pub")
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shared = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    for place, content, rights in ((path, private, 0o600), (public, shared, 0o644)):
        try:
            number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights)
        except FileExistsError:
            raise InputError(str(place), "is there already", "name another file: keys are not replaced") from None
        with os.fdopen(number, "wb") as file:
            file.write(content)
    return public


def sign(folder: Path, key: Path) -> Path:
    """Sign a build: write MANIFEST.sig beside its manifest.

    Args:
        folder: that `deploy` wrote; its files must be what the manifest says.
        key: PEM file of an Ed25519 private key.

    Raises:
        InputError: no build, an altered one, or no such key.
        MissingPartError: the package cryptography is not installed.
    """
    private, build = _private(key), BuildFolder(folder)
    if changed := changed_files(build):
        what = f"{len(changed)} files are not what the manifest says, first {changed[0]}"
        raise InputError(str(folder), what, "deploy again; seamount verify lists them all")
    signature = private.sign(_BEFORE + bytes_of(build.manifest))
    lines = (HEADER, *(base64.b64encode(part).decode() for part in (_raw(private.public_key()), signature)))
    write_text(build.signature, "\n".join(lines) + "\n")
    return build.signature


def signature_check(folder: BuildFolder, key: Path | None) -> Check:
    """Whether a build is signed, and by the given key.

    Raises:
        InputError: no such key.
        MissingPartError: a key is given, and the package cryptography is not installed.
    """
    expected = None if key is None else _public(key)
    if not folder.signature.is_file():
        result = "note" if expected is None else "failed"
        return Check("signature", result, f"{UNSIGNED}: a forgery with fresh hashes cannot be told from the build")
    try:
        _require()
    except MissingPartError as error:
        return Check("signature", "skipped", str(error))
    given, signature = _stored(folder)
    problem = _problem(given, signature, _BEFORE + bytes_of(folder.manifest))
    if problem:
        return Check("signature", "failed", problem)
    if expected is None:
        what = f"of the key {given.hex()[:16]}..., which anyone may have made; --key says whether it is the right one"
        return Check("signature", "note", what)
    if given != _raw(expected):
        return Check("signature", "failed", f"of another key, {given.hex()[:16]}..., than {key} holds")
    return Check("signature", "ok", f"of the key {given.hex()[:16]}... in {key}")


def _stored(folder: BuildFolder) -> tuple[bytes, bytes]:
    """The key and the signature in a signature file; empty where it is none."""
    try:
        lines = text_of(folder.signature, _MOST_KEY).split("\n")
        if len(lines) != 4 or lines[0] != HEADER or lines[3]:
            return b"", b""
        key, signature = (base64.b64decode(line, validate=True) for line in lines[1:3])
        # base64 leaves bits unused at its end: what decodes to the same may still be another text.
        same = [base64.b64encode(part).decode() for part in (key, signature)] == lines[1:3]
        return (key, signature) if same else (b"", b"")
    except (OSError, ValueError, binascii.Error):
        return b"", b""


def _problem(key: bytes, signature: bytes, signed: bytes) -> str:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except ValueError:
        return "is damaged: no signature that seamount sign wrote"
    except InvalidSignature:
        return "does not belong to the manifest: one of the two was altered"
    return ""


def _require() -> None:
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        remedy = "pip install 'cryptography>=42', or '.[sign]'"
        raise MissingPartError("signatures", "the package cryptography is not installed", remedy) from None


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()


def _private(path: Path) -> Ed25519PrivateKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(bytes_of(path, _MOST_KEY), None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(path, error, "private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, f"a {type(key).__name__}", "private")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(bytes_of(path, _MOST_KEY))
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(path, error, "public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, f"a {type(key).__name__}", "public")
    return key


def _no_key(path: Path, reason: object, kind: str) -> InputError:
    what = f"holds no Ed25519 {kind} key ({str(reason).splitlines()[0]})"
    return InputError(str(path), what, "make one with seamount sign --new-key, or openssl genpkey -algorithm ed25519")
