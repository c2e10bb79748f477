use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Half a century of the Gregorian calendar: 18 262.125 days.
const FIFTY_YEARS: Duration = Duration::from_secs(1_577_847_600);

/// Reads a date in any of the three forms that a recipient must know (RFC 9110 section 5.6.7): the one of today, that of
/// RFC 850 and that of C's `asctime`. Upper and lower case are the same to a cache (RFC 9111 section 4.2).
///
/// Any other text is `None`, also one in another time zone: for `Expires` that means "already expired" (section 5.3).
/// `now` tells the century of a year of two digits.
pub(crate) fn http_date(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    if let Some(date) = imf_fixdate(text) {
        return date.at(date.year);
    }
    if let Some(date) = asctime(text) {
        return date.at(date.year);
    }
    let date = rfc850(text)?;
    // The last such year that is not more than 50 years ahead.
    let latest = [2_100, 2_000, 1_900].map(|century| date.at(century + date.year));
    let latest = latest.into_iter().flatten();
    let limit = now.checked_add(FIFTY_YEARS)?;
    latest.into_iter().find(|at| *at <= limit)
}

struct Date {
    year: u64,
    month: u64,
    day: u64,
    /// Of the day.
    seconds: u64,
}

impl Date {
    fn at(&self, year: u64) -> Option<SystemTime> {
        if !(1970..=9999).contains(&year) || !(1..=31).contains(&self.day) {
            return None;
        }
        let days = days_since_1970(year, self.month, self.day);
        UNIX_EPOCH.checked_add(Duration::from_secs(days * 86_400 + self.seconds))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<Date> {
    let text: &[u8; 29] = text.try_into().ok()?;
    let blanks = [4, 7, 11, 16, 25].iter().all(|at| text[*at] == b' ');
    (blanks && text[3] == b',' && text[26..].eq_ignore_ascii_case(b"GMT")).then_some(())?;
    Some(Date {
        year: number(&text[12..16])?,
        month: month(&text[8..11])?,
        day: number(&text[5..7])?,
        seconds: time(&text[17..25])?,
    })
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<Date> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let blanks = [3, 7, 10, 19].iter().all(|at| text[*at] == b' ');
    blanks.then_some(())?;
    let day = &text[8..10];
    Some(Date {
        year: number(&text[20..])?,
        month: month(&text[4..7])?,
        day: number(day.strip_prefix(b" ").unwrap_or(day))?,
        seconds: time(&text[11..19])?,
    })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, with the year as its two digits.
fn rfc850(text: &[u8]) -> Option<Date> {
    let comma = text.iter().position(|byte| *byte == b',')?;
    let (weekday, rest) = text.split_at(comma);
    let rest: &[u8; 24] = rest.try_into().ok()?;
    let marks = [(1, b' '), (4, b'-'), (8, b'-'), (11, b' '), (20, b' ')];
    let marked = marks.iter().all(|(at, mark)| rest[*at] == *mark);
    // "Friday" to "Wednesday", so that a short name with a year of two digits is no date.
    let named = (6..=9).contains(&weekday.len());
    (marked && named && rest[21..].eq_ignore_ascii_case(b"GMT")).then_some(())?;
    Some(Date {
        year: number(&rest[9..11])?,
        month: month(&rest[5..8])?,
        day: number(&rest[2..4])?,
        seconds: time(&rest[12..20])?,
    })
}

fn month(name: &[u8]) -> Option<u64> {
    let index = MONTHS
        .iter()
        .position(|month| name.eq_ignore_ascii_case(month))?;
    Some(index as u64 + 1)
}

/// `08:49:37`, in seconds.
fn time(text: &[u8]) -> Option<u64> {
    if text[2] != b':' || text[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (
        number(&text[..2])?,
        number(&text[3..5])?,
        number(&text[6..])?,
    );
    // 60 is a leap second.
    (hour <= 23 && minute <= 59 && second <= 60).then_some(hour * 3_600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

/// Days of the proleptic Gregorian calendar, with years that begin in March, so that the leap day comes last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// In November 2026.
    const NOW: u64 = 1_795_000_000;

    fn seconds(text: &str) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        http_date(text.as_bytes(), now).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn reads_the_date_form_of_http() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(
            seconds("Thu, 29 Feb 2024 12:00:00 GMT"),
            Some(1_709_208_000)
        );
        assert_eq!(
            seconds("Fri, 31 Dec 9999 23:59:59 GMT"),
            Some(253_402_300_799)
        );
    }

    #[test]
    fn reads_the_forms_that_nobody_should_write_any_more() {
        for text in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994",
            "SUN, 06 nov 1994 08:49:37 gmt",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        let same = |old: &str, new: &str| assert_eq!(seconds(old), seconds(new), "{old}");
        same(
            "Thursday, 18-Aug-50 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT",
        );
        same(
            "Tuesday, 18-Aug-76 02:01:18 GMT",
            "Tue, 18 Aug 2076 02:01:18 GMT",
        );
        same(
            "Thursday, 18-Aug-77 02:01:18 GMT",
            "Thu, 18 Aug 1977 02:01:18 GMT",
        );
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov  1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 6x Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_clock_makes_reading_fail(text in "[A-Za-z]{0,9},?[ 0-9A-Za-z:-]{0,26}", now in any::<u32>()) {
            http_date(text.as_bytes(), UNIX_EPOCH + Duration::from_secs(now.into()));
        }
    }
}
