"""The calendar month that a bill covers, in UTC. Times are POSIX milliseconds, where every day has 86,400 seconds."""

from dataclasses import dataclass
from datetime import date

MS_PER_DAY = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of a year, 1 to 12, years 1 to 9998; ordered by time. Raises ValueError for anything else.

    POSIX time does not count leap seconds, so they change no sum.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9998 and 1 <= self.month <= 12):
            raise ValueError(f"there is no month {self.month} of {self.year}")

    @classmethod
    def of(cls, ms: int) -> "Month":
        """The month that the moment (epoch milliseconds) is in."""
        day = day_of(ms)
        return cls(day.year, day.month)

    @property
    def start_ms(self) -> int:
        """The month's first millisecond."""
        return (date(self.year, self.month, 1).toordinal() - _EPOCH_DAY) * MS_PER_DAY

    @property
    def end_ms(self) -> int:
        """The next month's first millisecond: the month is ``[start_ms, end_ms)``."""
        following = self.next
        return (date(following.year, following.month, 1).toordinal() - _EPOCH_DAY) * MS_PER_DAY

    @property
    def length_ms(self) -> int:
        """The month's length: 28 to 31 days."""
        return self.end_ms - self.start_ms

    @property
    def days(self) -> int:
        """The number of its days."""
        return self.length_ms // MS_PER_DAY

    @property
    def previous(self) -> "Month":
        """The month before."""
        return Month(self.year - 1, 12) if self.month == 1 else Month(self.year, self.month - 1)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

    @property
    def label(self) -> str:
        """For people: ``November 2026``."""
        return f"{_NAMES[self.month - 1]} {self.year}"

    @property
    def iso(self) -> str:
        """For programs: ``2026-11``."""
        return f"{self.year:04d}-{self.month:02d}"

    @classmethod
    def from_iso(cls, text: str) -> "Month":
        """The inverse of :attr:`iso`. Raises ValueError."""
        year, _, month = text.partition("-")
        return cls(int(year), int(month))


def day_of(ms: int) -> date:
    """The moment's day in UTC."""
    return date.fromordinal(_EPOCH_DAY + ms // MS_PER_DAY)


def day_label(ms: int) -> str:
    """The moment's day in UTC for people: ``1 December 2026``."""
    return date_label(day_of(ms))


def date_label(day: date) -> str:
    """A day for people: ``1 December 2026``."""
    return f"{day.day} {_NAMES[day.month - 1]} {day.year}"
