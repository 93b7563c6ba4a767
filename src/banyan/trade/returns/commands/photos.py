"""Photos of what is wrong: kept outside the database, known and guarded by it."""

from __future__ import annotations

from hashlib import sha256

from banyan.kernel import clock, ids, tenancy
from banyan.kernel.values.errors import Conflict
from banyan.trade.returns import queries
from banyan.trade.returns.engine.photos import PHOTOS_MAX, judge_photo, media_type_of
from banyan.trade.returns.models import PhotoRow
from banyan.trade.returns.ports import photo_store
from banyan.trade.returns.types import OPEN_STATUSES, Photo, ReturnId

LOOSE_MAX = 30


class TooManyPhotos(Conflict):
    """A return has its number of photos, or a person uploads without asking for anything."""

    code = "return_photos_too_many"
    advice = f"A return has at most {PHOTOS_MAX} photos. Ask for the return before uploading more."


class PhotoTooLate(Conflict):
    """The return is decided; nothing is added to it."""

    code = "return_photo_too_late"
    advice = "Read the return's present status; ask the shop."


def keep_photo(content: bytes, uploaded_by: int, return_id: ReturnId | None = None) -> Photo:
    """Keep one photo, for a return that is still open or (None) for a request to come. The type is what the bytes say.

    The bytes are written before the row is committed, so a crash leaves at most a file that nothing names. Raises BadPhoto,
    TooManyPhotos, PhotoTooLate, NotFound.
    """
    refusal = judge_photo(content)
    if refusal is not None:
        raise refusal
    tenant_id = tenancy.current_tenant_id()
    there = PhotoRow.objects.filter(tenant_id=tenant_id, return_id=return_id)
    if return_id is None:
        there = there.filter(uploaded_by=uploaded_by)
    elif queries.get_return(return_id).status not in OPEN_STATUSES:
        raise PhotoTooLate("The return is decided.")
    if there.count() >= (LOOSE_MAX if return_id is None else PHOTOS_MAX):
        raise TooManyPhotos("There are enough photos.")
    photo = Photo(
        ids.next_id(), return_id, media_type_of(content), len(content), sha256(content).hexdigest(), uploaded_by, clock.now()
    )
    photo_store().put(tenant_id, str(photo.photo_id), content)
    PhotoRow.objects.create(
        pk=photo.photo_id, return_id=return_id, media_type=photo.media_type, size=photo.size, digest=photo.digest,
        uploaded_by=uploaded_by, uploaded_at=photo.uploaded_at,
    )  # fmt: skip
    return photo
