"""Workers on other machines: PostgreSQL, the key that they share, the place that volumes go through."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_PLACE = "Nothing more of the lane is added. See that only workers can write to the place and the database."
_ADDRESS = "Write it like postgresql://archivar@db.example.com/archivar."

NOT_INSTALLED = Code(
    "cluster-not-installed",
    "The parts for workers are not installed ({part}).",
    "Install the program with its extra cluster.",
    Family.INPUT,
)
BAD_ADDRESS = Code("cluster-address", "{address} is no address of a PostgreSQL database ({said}).", _ADDRESS, Family.INPUT)
PASSWORD_IN_ADDRESS = Code(
    "cluster-password",
    "The address of the database has a password in it, which other accounts of this machine could read.",
    "Put the password into ~/.pgpass (mode 0600) of the account that runs this, and leave it out of the address.",
    Family.INPUT,
)
UNREACHABLE = Code(
    "cluster-unreachable",
    "PostgreSQL cannot be reached at {address} ({said}).",
    "See whether it runs there, and whether it takes connections from this machine and account.",
    Family.INPUT,
)
NO_RIGHTS = Code(
    "cluster-rights",
    "The account may not do in the database at {address} what is needed ({said}).",
    "Make it the database's owner: ALTER DATABASE … OWNER TO …",
    Family.INPUT,
)
AWAY = Code(
    "cluster-away",
    "PostgreSQL did not answer for {seconds:second} ({said}).",
    "Workers and runs go on when it is back.",
)
TAKES_NOTHING = Code(
    "cluster-takes-nothing",
    "PostgreSQL answers, and takes nothing now ({said}).",
    "Workers and runs go on when it takes changes again: look at its disk, and whether it is a standby.",
)
OTHER_TABLES = Code(
    "cluster-other-tables",
    "The tables in the database at {address} are not those of this program ({said}).",
    f"Bring service and workers to the same version. {Do.SHOW_CLUSTER}",
    Family.INPUT,
)
NOT_EMPTY = Code(
    "cluster-not-empty",
    "The database at {address} has a schema {schema} with tables of another program.",
    "Take an empty database.",
    Family.INPUT,
)
CLOCK = Code(
    "cluster-clock",
    "The clocks of this machine and of PostgreSQL differ by {apart}.",
    "Set both by NTP.",
    Family.INPUT,
)
LATER = Code(
    "cluster-later-archive",
    "Workers have delivered to a later state of this archive: its entry {entry} is not in this one.",
    f"Use the later archive. If that is lost for good and this one was restored: {Do.ADOPT_CLUSTER}",
    Family.INPUT,
)
TAKEN_OVER = Code(
    "cluster-taken-over",
    "Another copy of this archive uses its workers now.",
    "Let only one of the copies run.",
    Family.INPUT,
)
NOT_SET_UP = Code("cluster-not-set-up", "The database at {address} has no cluster.", f"{Do.SET_UP_CLUSTER}", Family.INPUT)
NONE_HERE = Code("cluster-none", "This archive has no workers.", f"{Do.SET_UP_CLUSTER}", Family.INPUT)
THERE = Code(
    "cluster-there",
    "{path} is there: this archive has a cluster.",
    "To set up another one, remove that file when no worker runs.",
    Family.INPUT,
)
OTHER_ARCHIVE = Code(
    "cluster-of-other-archive",
    "The database at {address} is of another archive.",
    "Take another database: one has the workers of one archive.",
    Family.INPUT,
)
OTHER_PROTOCOL = Code(
    "cluster-protocol",
    "The cluster speaks protocol {theirs}, this program {ours}.",
    "Bring service and workers to the same version: first the service, then the workers.",
    Family.INPUT,
)
FILE_UNREAD = Code("cluster-file", "{path} cannot be read ({said}).", f"Look at the file. {Do.SET_UP_CLUSTER}", Family.INPUT)
KEY_UNREAD = Code(
    "worker-key-unread",
    "The workers' key {path} cannot be read ({said}).",
    "Copy worker.key from the archive's home to this machine, with mode 0600, and name it.",
    Family.INPUT,
)
KEY_OTHER = Code(
    "worker-key-other",
    "{path} is not the key of this cluster's workers.",
    "Copy worker.key from the archive's home anew.",
    Family.INPUT,
)
SECRET_UNREAD = Code(
    "worker-secret",
    "The password of a job cannot be opened with {path}.",
    "Copy worker.key from the archive's home anew.",
    Family.INPUT,
)
PLACE = Code(
    "cluster-place",
    "{path} cannot hold what workers deliver ({said}).",
    "Name a folder that service and workers may both write to.",
    Family.INPUT,
)
PLACE_IS_STORAGE = Code(
    "cluster-place-is-storage",
    "{path} cannot be both: where workers deliver, and the storage of this archive's volumes.",
    "Take another folder, or another prefix: what a worker that was given up has left there is no part of the archive.",
    Family.INPUT,
)
BUCKET = Code("cluster-bucket", "{where} cannot hold what workers deliver: {why:clause}.", "{why:remedy}", Family.INPUT)
NO_MARK = Code(
    "cluster-bucket-strange",
    "{where} was not set up for this archive.",
    f"Name the bucket and prefix that it was set up with. {Do.SHOW_CLUSTER}",
    Family.INPUT,
)
STATE_IN_USE = Code(
    "worker-state-in-use",
    "Another worker uses the folder {path}.",
    "Give each worker of a machine a folder of its own.",
    Family.BUSY,
)
NOT_DELIVERED = Code(
    "worker-not-delivered",
    "{file} could not be delivered ({said}).",
    "It stays with the worker and is tried again.",
    Family.BUSY,
)
NOT_FETCHED = Code(
    "worker-not-fetched",
    "{file}, which a worker has delivered, could not be fetched ({said}).",
    "See that the machine of the archive reaches the place, and has room. It is tried again.",
    Family.BUSY,
)
STRANGE_PLACE = Code(
    "cluster-place-strange",
    "{path} is not the place of this archive's workers: it has no {mark}.",
    "See that the share is mounted there, and that the path is the right one on this machine.",
    Family.INPUT,
)
OTHER_BYTES = Code("worker-other-bytes", "{file} has other bytes than its worker has delivered.", _PLACE, Family.DAMAGE)
NOT_GIVEN = Code(
    "worker-not-given", "Lane {lane}: entry {entry} is about a mailbox that its worker was not given.", _PLACE, Family.DAMAGE
)
OTHER_KEY = Code(
    "worker-other-key", "Lane {lane}: a volume was reported under the key {key}, which is not its own.", _PLACE, Family.DAMAGE
)
OTHER_END = Code(
    "worker-other-end", "Lane {lane}: {file} does not end at entry {entry}, as its worker said.", _PLACE, Family.DAMAGE
)
UNKNOWN_LANE = Code(
    "worker-lane-unknown",
    "Lane {lane} is not one that this archive has opened for it.",
    "Its worker begins anew by itself.",
    Family.DAMAGE,
)
NONSENSE = Code("worker-nonsense", "It said what no worker says ({said}).", f"{Do.SHOW_CLUSTER}")
OTHER_VERSION = Code(
    "worker-other-protocol",
    "It speaks protocol {theirs}, the service {ours}.",
    "Bring the worker to the version of the service.",
)
RESTORED = Code("worker-of-other-state", "It delivered to another state of this archive.", "It begins anew by itself.")
FENCED = Code(
    "worker-fenced",
    "This worker was given up ({said}); what it had not delivered is left out.",
    "Its mailboxes are visited again; nothing of them is lost.",
)
SILENT = Code("worker-silent", "It gave no sign of life for {seconds:second}.", f"{Do.SHOW_CLUSTER}")
STUCK = Code("worker-stuck", "A mailbox made no progress before its deadline.", f"{Do.SHOW_CLUSTER}")
ENDED = Code("worker-ended", "It ended or began anew.", f"{Do.SHOW_CLUSTER}")
GIVEN_UP = Code(
    "mailbox-lost-with-workers",
    "The mailbox was lost with its worker {times:number} times.",
    f"{Do.SHOW_CLUSTER} {Do.RUN_AGAIN}",
    Family.ITEM,
)
WORKER_FAULT = Code("worker-fault", "The worker {worker} could not go on: {why:clause}.", f"{Do.SHOW_CLUSTER}", Family.ITEM)
