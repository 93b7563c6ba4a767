"""What an uploaded file really is: pure. Names and headers that the sender chose are not believed."""

from __future__ import annotations

from banyan.kernel.values.errors import Invalid, Refusal

PHOTO_BYTES_MAX = 5 * 1024 * 1024
PHOTOS_MAX = 9
_SMALLEST = 32


class BadPhoto(Invalid):
    """No photo, or one that is too large."""

    code = "return_photo_bad"
    advice = "Send a JPEG, PNG or WebP picture of at most 5 MiB."


def media_type_of(content: bytes) -> str:
    """image/jpeg, image/png or image/webp by the bytes themselves; "" for anything else, also when cut off."""
    if content.startswith(b"\xff\xd8\xff") and content.rstrip(b"\0").endswith(b"\xff\xd9"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and b"IEND" in content[-16:]:
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP" and int.from_bytes(content[4:8], "little") + 8 <= len(content) + 1:
        return "image/webp"
    return ""


def judge_photo(content: bytes) -> Refusal | None:
    """None when it may be kept."""
    if not _SMALLEST <= len(content) <= PHOTO_BYTES_MAX:
        return BadPhoto(f"The file has {len(content)} bytes.", size=len(content))
    return None if media_type_of(content) else BadPhoto("The file is no picture of a known kind.")
