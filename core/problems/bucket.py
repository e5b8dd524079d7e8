"""Storages of sealed volumes: buckets and folders outside the home."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_SET = f"{Do.SET_STORAGE}"
_RIGHTS = "The key needs the rights to list, read and put objects below the prefix, and no right to delete."
_WAITS = "Volumes stay on this machine until it answers, and are stored then."

# The storage and how it is reached -----------------------------------------------------------------------------------------

NO_LIBRARY = Code(
    "storage-library-missing",
    "Object storage needs a library that is not installed.",
    "Install the package with its extra cluster.",
    Family.INPUT,
)
NOT_ALLOWED = Code("storage-not-allowed", "{field}: {value} is not allowed.", "Allowed: {allowed}.", Family.INPUT)
REGION_NEEDED = Code(
    "storage-region-missing",
    "The region of the bucket {bucket} is missing.",
    "Give the region, such as eu-central-1, or the endpoint of a server that is not Amazon's.",
    Family.INPUT,
)
NOT_SET = Code("storage-not-set", "No storage is set: all volumes are on this machine.", _SET, Family.INPUT)
NO_SECRET = Code("storage-secret-missing", "The secret of the key {key} is not stored.", _SET, Family.INPUT)
CONFIGURATION_DAMAGED = Code("storage-settings-damaged", "{path} cannot be read.", _SET, Family.INPUT)
UNFIT = Code("storage-unfit", "{why}", "{why:remedy}", Family.INPUT)
BUCKET_MISSING = Code(
    "bucket-missing", "{where}: {server} has no such bucket ({said}).", f"Make the bucket, or name another one. {_SET}"
)
DENIED = Code("bucket-denied", "{where}: {server} denies access ({said}).", f"Is the bucket yours? {_RIGHTS}")
KEY_REFUSED = Code("bucket-key-refused", "{where}: {server} refuses the key ({said}).", f"Enter key and secret again. {_SET}")
CLOCK = Code(
    "bucket-clock",
    "{where}: the clocks of this machine and of {server} differ too much ({said}).",
    "Set this machine's clock by NTP (timedatectl).",
)
REGION = Code(
    "bucket-region", "{where}: {server} has the bucket in another region ({said}).", f"Give the region of the bucket. {_SET}"
)
REFUSED = Code("bucket-refused", "{where}: {server} refuses ({said}).", "See what the server's log says.")
FULL = Code("bucket-full", "{where}: {server} has no more space ({said}).", f"Make space there. {_WAITS}")
TOO_LARGE_THERE = Code(
    "bucket-refuses-size", "{where}: {server} does not take so large a volume ({said}).", "Choose a smaller volume size."
)
LINE_CLOSED = Code(
    "storage-line-closed", "The line is not to be used at this hour; it is again at {until}.", f"{Do.SHOW_STORAGE}"
)
BUSY = Code("bucket-busy", "{where}: {server} is busy ({said}).", _WAITS)
CERTIFICATE = Code(
    "bucket-certificate",
    "{where}: the certificate of {server} is not from an authority that this machine knows, or is not its own.",
    f"Give the authority as a PEM file. {_SET}",
)
PROXY = Code(
    "bucket-proxy",
    "{where}: the proxy in the way to {server} does not answer.",
    "Check the variables HTTPS_PROXY and HTTP_PROXY of the service; NO_PROXY names servers that need none.",
)
NO_KEY = Code(
    "bucket-no-key",
    "{where}: this machine has no rights of its own for {server}.",
    f"Give the id of a key, or set up the machine's role. {_SET}",
)
NOT_LOCKED = Code(
    "bucket-not-locked",
    "{where}: {server} does not lock what is put ({said}).",
    f"Make a bucket with object lock, which must be chosen when it is made, or give up the lock. {_SET}",
)
UPLOAD_LOST = Code(
    "bucket-upload-lost",
    "{where}: {file} was begun several times, and the server forgot each time what it had of it.",
    "See what the server's log says, and whether it removes unfinished uploads at once.",
)
UNREACHABLE = Code(
    "bucket-unreachable",
    "{where}: {server} does not answer.",
    f"Check the endpoint, its certificate and the network. {_WAITS}",
)
AUTHORITY_UNREAD = Code("storage-authority-unread", "{path} cannot be read: {said}.", "Correct its owner and mode.")
FOLDER_MISSING = Code("storage-folder-missing", "{folder} is no folder.", "Is its disk mounted? Else make the folder.")
FOLDER_FAILED = Code("storage-folder-failed", "{path}: {said}.", "Check the disk, and owner and mode of the folder.")
OF_OTHER_ARCHIVE = Code(
    "storage-of-other-archive",
    "{where} has volumes of another archive ({archive}).",
    f"Choose a prefix, or a folder, for this archive alone. {_SET}",
)
OF_OTHERS = Code(
    "storage-of-others",
    "{where} has something else in it: {key}.",
    f"Choose a prefix, or a folder, for this archive alone. {_SET}",
)
REPLACES = Code(
    "storage-replaces",
    "{where} replaces what is there: a second object with the same key was taken.",
    "Take a server that knows conditional writes (If-None-Match).",
)

# Objects -------------------------------------------------------------------------------------------------------------------

TOO_LARGE = Code(
    "volume-too-large-to-store",
    "{file} is too large for a bucket: it has {size:bytes}, and {most:bytes} are the most.",
    "It stays on this machine. Choose a smaller volume size for the next ones.",
)
CHANGED = Code(
    "stored-volume-changed",
    "{where}: {key} is not what was stored there.",
    f"Find out who changed it. {Do.REPAIR_STORAGE}",
    Family.DAMAGE,
)
GONE = Code("stored-volume-gone", "{where}: {key} is gone.", f"Find out who removed it. {Do.REPAIR_STORAGE}", Family.DAMAGE)
HOME_IN_USE = Code("storage-home-in-use", "{home} has an archive already.", f"{Do.CHOOSE_OTHER_HOME}", Family.INPUT)
NO_ARCHIVE_STORED = Code("no-archive-stored", "{where} has no volumes of an archive.", "Check the prefix.", Family.INPUT)
SEVERAL_ARCHIVES = Code(
    "several-archives-stored", "{where} has more than one archive: {archives}.", "Name the prefix of one.", Family.INPUT
)
SEAL_NOT_CONTAINED = Code(
    "stored-seal-not-contained",
    "The archive does not contain what was sealed at entry {entry} and stored in {where}: it was changed, or put back to an "
    "older state.",
    f"{Do.ACCEPT_STORED_SEALS}",
    Family.DAMAGE,
)
SEAL_GONE = Code(
    "stored-seal-gone",
    "{where}: {key} is gone, a seal or time stamp that was put there.",
    f"Find out who removed it. {Do.PUT_SEALS_AGAIN}",
    Family.DAMAGE,
)
NOT_SEALED = Code("volume-not-sealed", "{file} is not sealed.", f"{Do.VERIFY}", Family.DAMAGE)
STILL_AWAY = Code(
    "volumes-still-away", "{count:volume is|volumes are} in the storage alone.", f"{Do.PULL_VOLUMES}", Family.INPUT
)
TAKEN = Code(
    "stored-volume-taken",
    "{where} has another volume in the place of {file} ({key}).",
    "Does another home write there, such as a copy of this one? Give each its own prefix.",
)
AWAY = Code("volume-away", "{file} is only in its storage, and cannot be fetched: {why}", "{why:remedy}")
NOTE_DAMAGED = Code(
    "stored-note-damaged", "{file}, which says where a volume is stored, cannot be read.", f"{Do.CHECK_STORAGE}", Family.DAMAGE
)
BOUND_REACHED = Code(
    "storage-bound-reached",
    "{bytes:bytes} of volumes wait for the storage, and {bound:bytes} are the most that may: no run begins.",
    f"See that the storage answers. {Do.CHECK_STORAGE} Else raise {Setting('settings.storage_bound')}.",
)
