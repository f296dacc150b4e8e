"""The storage link: what the recording medium shows to who takes it out of the camera."""

from __future__ import annotations

from devices.description import DeviceFile, StorageMedium
from devices.errors import BenchError
from devices.links.storage import medium
from devices.links.storage.observations import MediumContent
from devices.links.storage.search import Search
from devices.permit import Permit
from devices.secrets import Secrets


class StorageLink:
    """Reads the medium by the bench's card reader. Raises BenchError where it has none."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del permit, secrets
        if device.bench.storage is None:
            raise BenchError("the device file gives no [bench.storage]")
        self._medium: StorageMedium = device.bench.storage

    def check(self) -> str:
        """Whether it can be read, in one sentence. Raises BenchError when it cannot."""
        with medium.opened(self._medium) as source:
            first = next(source.pieces(), None)
            if first is None:
                raise BenchError(f"bench.storage: {source.name} is empty")
            return f"{source.name} can be read"

    def examine(self) -> MediumContent:
        """Look at all of a small medium, at samples of a large one."""
        search = Search()
        with medium.opened(self._medium) as source:
            for piece in source.pieces():
                search.take(piece)
            search.finish()
        late = ""
        if source.late:
            late = f"the time was over when {source.reached} bytes had been passed"
        return search.result(source.name, source.size, late)
