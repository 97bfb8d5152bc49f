//! From an address to the AS that announces it, out of dated reference data.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use super::segments::{NOTHING, Segments, Word};
use super::table_rows::Rows;
use crate::diag::Failure;
use crate::model::address::{canonical, parse_ip};

/// Address ranges with their AS numbers; where ranges overlap the narrowest counts.
#[derive(Clone, Debug)]
pub struct PrefixTable {
    pub(super) v4: Segments<u32>,
    pub(super) v6: Segments<u128>,
    n_rows: usize,
}

impl Default for PrefixTable {
    fn default() -> Self {
        Self::from_rows(&[])
    }
}

impl PrefixTable {
    /// From rows `(first, last, asn)`, both ends inside, in any order; ranges need not be
    /// prefixes and may overlap. Of two equal ranges the one with the lower AS number counts.
    /// A row whose ends are of two families or fall, or with AS number 0 (nobody announces
    /// it), says nothing.
    #[must_use]
    pub fn from_rows(rows: &[(IpAddr, IpAddr, u32)]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for &(first, last, asn) in rows {
            match (canonical(first), canonical(last)) {
                _ if asn == 0 => {}
                (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
                    v4.push((a.to_bits(), b.to_bits(), asn))
                }
                (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                    v6.push((a.to_bits(), b.to_bits(), asn))
                }
                _ => {}
            }
        }
        Self {
            v4: Segments::from_runs(narrowest(v4)),
            v6: Segments::from_runs(narrowest(v6)),
            n_rows: rows.len(),
        }
    }

    /// The AS that announces this address.
    #[must_use]
    pub fn asn_of(&self, ip: IpAddr) -> Option<u32> {
        let asn = match canonical(ip) {
            IpAddr::V4(ip) => self.v4.find(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.find(ip.to_bits()),
        };
        (asn != NOTHING).then_some(asn)
    }

    /// Rows that it was made of.
    #[must_use]
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }
}

/// Cuts overlapping ranges into disjoint runs, each with the AS number of the narrowest range.
fn narrowest<W: Word>(mut rows: Vec<(W, W, u32)>) -> Vec<(W, W, u32)> {
    rows.sort_unstable();
    let mut points: Vec<W> = Vec::with_capacity(rows.len() * 2);
    for &(first, last, _) in &rows {
        points.push(first);
        points.extend(last.next());
    }
    points.sort_unstable();
    points.dedup();
    let mut open: BinaryHeap<Reverse<(u128, u32, W)>> = BinaryHeap::new();
    let mut rows = rows.into_iter().peekable();
    let mut runs = Vec::with_capacity(points.len());
    let mut points = points.into_iter().peekable();
    while let Some(first) = points.next() {
        while let Some((from, until, asn)) = rows.next_if(|row| row.0 <= first) {
            open.push(Reverse((W::width(from, until), asn, until)));
        }
        while open
            .peek()
            .is_some_and(|Reverse((.., until))| *until < first)
        {
            open.pop();
        }
        if let Some(Reverse((_, asn, _))) = open.peek() {
            let last = points.peek().map_or(W::MAX, |next| next.before());
            runs.push((first, last, *asn));
        }
    }
    runs
}

/// Reads a table of AS numbers.
///
/// CSV with the header `start,end,asn` (two addresses, both inside) or `start_num,length,asn`
/// (an IPv4 address as a number, or any address as text, and how many there are).
///
/// # Errors
/// `FixData` with the line of each unreadable row, a missing column, or a table without rows.
pub fn read_prefix_table(csv: &[u8], object: &str) -> Result<PrefixTable, Failure> {
    let table = Rows::open(csv, object)?;
    let start = table.column(&["start", "start_num", "first"])?;
    let (end, is_length) = match table.column(&["end", "last", "end_num"]) {
        Ok(end) => (end, false),
        Err(missing) => (table.column(&["length"]).map_err(|_| missing)?, true),
    };
    let asn = table.column(&["asn"])?;
    let rows = table.read(|row| {
        let first = address(row.field(start))?;
        let last = if is_length {
            behind(first, row.field(end))?
        } else {
            address(row.field(end))?
        };
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(format!(
                "`{first}` to `{last}`; expected two addresses of one family in rising order"
            ));
        }
        let asn = row.field(asn);
        let digits = asn.strip_prefix("AS").unwrap_or(asn);
        let asn = digits
            .parse()
            .map_err(|_| format!("`{asn}`; expected an AS number"))?;
        Ok((first, last, asn))
    })?;
    Ok(PrefixTable::from_rows(&rows))
}

fn address(text: &str) -> Result<IpAddr, String> {
    if let Ok(number) = text.parse::<u32>() {
        return Ok(IpAddr::V4(number.into()));
    }
    parse_ip(text).map_err(|why| format!("`{text}`: {why}"))
}

/// The last of `length` addresses from `first` on.
fn behind(first: IpAddr, length: &str) -> Result<IpAddr, String> {
    let wrong =
        || format!("length `{length}`; expected a number of addresses that fits behind `{first}`");
    let more = length
        .parse::<u128>()
        .ok()
        .and_then(|n| n.checked_sub(1))
        .ok_or_else(wrong)?;
    let last = match first {
        IpAddr::V4(ip) => u32::try_from(more)
            .ok()
            .and_then(|more| ip.to_bits().checked_add(more))
            .map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(ip) => ip
            .to_bits()
            .checked_add(more)
            .map(|bits| IpAddr::V6(bits.into())),
    };
    last.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_narrowest_range_counts_even_across(rows in prop::collection::vec((0u32..200, 0u32..60, 1u32..6), 0..25)) {
            let rows: Vec<(IpAddr, IpAddr, u32)> = rows.into_iter()
                .map(|(a, n, asn)| (IpAddr::V4(a.into()), IpAddr::V4((a + n).into()), asn)).collect();
            let table = PrefixTable::from_rows(&rows);
            for at in 0..300u32 {
                let at = IpAddr::V4(at.into());
                let slow = rows.iter().filter(|r| r.0 <= at && at <= r.1)
                    .min_by_key(|r| match (r.0, r.1) { (IpAddr::V4(a), IpAddr::V4(b)) => (b.to_bits() - a.to_bits(), r.2), _ => unreachable!() })
                    .map(|r| r.2);
                prop_assert_eq!(table.asn_of(at), slow);
            }
        }
    }

    #[test]
    fn both_layouts_are_read() {
        let by_end = read_prefix_table(
            b"start,end,asn\n192.0.2.0,192.0.2.255,64500\n2001:db8::,2001:db8::ff,64501\n",
            "t",
        )
        .unwrap();
        assert_eq!(by_end.asn_of("192.0.2.9".parse().unwrap()), Some(64500));
        assert_eq!(
            by_end.asn_of("::ffff:192.0.2.9".parse().unwrap()),
            Some(64500)
        );
        assert_eq!(by_end.asn_of("2001:db8::100".parse().unwrap()), None);
        let by_length =
            read_prefix_table(b"start_num,length,asn\n3221225984,256,64500\n", "t").unwrap();
        assert_eq!(
            by_length.asn_of("192.0.2.255".parse().unwrap()),
            Some(64500)
        );
        assert_eq!(by_length.asn_of("192.0.3.0".parse().unwrap()), None);
    }

    #[test]
    fn a_bad_table_names_its_lines() {
        let fault = |csv: &[u8]| read_prefix_table(csv, "asn.csv").unwrap_err().to_string();
        assert_eq!(
            fault(b"start,end,asn\n192.0.2.0,192.0.2.1,64500\n192.0.2.9,192.0.2.1,1\n010.0.0.1,192.0.2.1,1\n"),
            "asn.csv: line 3: `192.0.2.9` to `192.0.2.1`; expected two addresses of one family in rising order\n\
             asn.csv: line 4: `010.0.0.1`: an address that programs read in different ways (leading zero, short, hexadecimal or bare-number form)"
        );
        assert_eq!(
            fault(b"start,asn\n"),
            "asn.csv: end: the column is missing; the header has `start`, `asn`"
        );
        assert_eq!(
            fault(b""),
            "asn.csv: the file is empty; expected a header line and rows"
        );
        assert_eq!(fault(b"start,end,asn\n"), "asn.csv: the table has no rows");
        assert_eq!(
            fault(b"start_num,length,asn\n4294967295,2,1\n"),
            "asn.csv: line 2: length `2`; expected a number of addresses that fits behind `255.255.255.255`"
        );
    }
}
