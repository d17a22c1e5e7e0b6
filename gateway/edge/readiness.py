"""Whether this process can take events: it is not stopping, the directory has been read, Kafka answers."""

from gateway.identity.directory import Directory
from gateway.stream.abstract import Publisher
from schemas.errors import DirectoryUnavailable, Overloaded


class Readiness:
    """What `/readyz` asks; `is_stopping` is set when the process was told to stop."""

    def __init__(self, directory: Directory, publisher: Publisher) -> None:
        self._directory = directory
        self._publisher = publisher
        self.is_stopping = False

    async def check(self) -> None:
        """Return if a request can be expected to succeed.

        Raises:
            Deferred: it cannot; the message says why.
        """
        if self.is_stopping:
            raise Overloaded("This process is stopping.")
        if not self._directory.is_loaded():
            raise DirectoryUnavailable("The directory has not been read yet: PostgreSQL cannot be reached.")
        await self._publisher.check()
