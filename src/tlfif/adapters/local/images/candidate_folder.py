"""The folder of a candidate that tests itself: the only thing through which it speaks to its home."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.images.image_record import report_from, report_text
from tlfif.images.smoke_report import SmokeReport
from tlfif.kernel.data_folder import write_private


@dataclass(frozen=True, slots=True)
class CandidateFolder:
    """The candidate takes it for its data folder, so that its logs and its job file are in it, too. It never opens the
    home's job file: a commit that keeps jobs in another way would change that for good."""

    root: Path

    @property
    def ready(self) -> Path:
        """Is there once the candidate's engine has passed its first generation."""
        return self.root / "ready"

    @property
    def report(self) -> Path:
        """What it found of itself; the last thing that it writes."""
        return self.root / "report.json"

    async def write_report(self, report: SmokeReport) -> None:
        """Raises OSError."""
        write_private(self.report, report_text(report))

    def read_report(self) -> SmokeReport | None:
        """The report; None where there is none yet. One that cannot be read is a report that says so."""
        try:
            return report_from(self.report.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            return SmokeReport(error=f"The candidate's report cannot be read: {type(error).__name__}.")
