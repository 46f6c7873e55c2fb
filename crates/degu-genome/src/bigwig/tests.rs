//! A reader of bigWig files from the description of the format, written without a look at the
//! writer.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::*;

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u16(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap()))
    }
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }
    fn u64(&self, at: usize) -> usize {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap()) as usize
    }
    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }
}

/// Values of a chromosome in `[start, end)`, found by walking down the tree of sections.
fn query(bytes: &[u8], name: &str, start: u32, end: u32) -> BTreeMap<u32, f32> {
    let b = Bytes(bytes);
    assert_eq!(b.u32(0), 0x888F_FC26);
    assert_eq!(b.u32(bytes.len() - 4), 0x888F_FC26, "signature at the end");
    let tree = b.u64(8);
    assert_eq!(b.u32(tree), 0x78CA_8C91);
    let key = b.u32(tree + 8) as usize;
    let leaf = tree + 32;
    assert_eq!(bytes[leaf], 1);
    let mut id = None;
    for item in 0..b.u16(leaf + 2) {
        let at = leaf + 4 + item * (key + 8);
        let found = std::str::from_utf8(&bytes[at..at + key]).unwrap();
        if found.trim_end_matches('\0') == name {
            id = Some(b.u32(at + key));
        }
    }
    let id = id.unwrap();
    let index = b.u64(24);
    assert_eq!(b.u32(index), 0x2468_ACE0);
    let mut values = BTreeMap::new();
    let mut nodes = vec![index + 48];
    while let Some(node) = nodes.pop() {
        let leaf = bytes[node] == 1;
        for item in 0..b.u16(node + 2) {
            let at = node + 4 + item * if leaf { 32 } else { 24 };
            let low = (b.u32(at), b.u32(at + 4));
            let high = (b.u32(at + 8), b.u32(at + 12));
            if (id, end) <= low || high <= (id, start) {
                continue;
            }
            let offset = b.u64(at + 16);
            if !leaf {
                nodes.push(offset);
                continue;
            }
            let mut section = Vec::new();
            ZlibDecoder::new(&bytes[offset..offset + b.u64(at + 24)])
                .read_to_end(&mut section)
                .unwrap();
            let s = Bytes(&section);
            assert_eq!((s.u32(0), section[20]), (id, 3));
            for i in 0..s.u16(22) {
                let position = s.u32(4) + i as u32;
                if position >= start && position < end {
                    values.insert(position, f32::from_bits(s.u32(24 + 4 * i)));
                }
            }
        }
    }
    values
}

#[test]
fn values_are_found_through_the_trees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bw");
    let lengths = [("chr10".to_owned(), 5000), ("chr2".to_owned(), 2_000_000)];
    let mut writer = BigWigWriter::create(&path, lengths).unwrap();
    let value = |i: u64| (i as f32 * 0.37).sin();
    let first: Vec<f32> = (0..3000).map(value).collect();
    writer.write("chr10", 100, &first).unwrap();
    // More sections than a node has children, so the tree has two levels.
    for block in 0..700u64 {
        let values: Vec<f32> = (0..50)
            .map(|i| {
                if i == 7 {
                    f32::NAN
                } else {
                    value(block * 50 + i)
                }
            })
            .collect();
        writer.write("chr2", block * 1000, &values).unwrap();
    }
    writer.finish().unwrap();
    assert!(!folder.path().join("a.bw.partial").exists());
    let bytes = fs_err::read(&path).unwrap();
    let found = query(&bytes, "chr10", 0, 5000);
    assert_eq!(found.len(), 3000);
    assert!(
        found
            .iter()
            .all(|(at, v)| v.to_bits() == first[*at as usize - 100].to_bits())
    );
    let found = query(&bytes, "chr2", 640_000, 641_020);
    assert_eq!(found.len(), 49 + 19);
    assert_eq!(found[&641_003].to_bits(), value(641 * 50 + 3).to_bits());
    assert!(!found.contains_key(&640_007), "not a number");
    let summary = Bytes(&bytes);
    assert_eq!(summary.u64(64), 3000 + 700 * 49);
    assert!(summary.f64(72) >= -1.0 && summary.f64(80) <= 1.0);
}

#[test]
fn disorder_and_unknown_chromosomes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bw");
    let lengths = || [("chr1".to_owned(), 100), ("chr2".to_owned(), 100)];
    let mut writer = BigWigWriter::create(&path, lengths()).unwrap();
    writer.write("chr1", 10, &[1.0; 5]).unwrap();
    assert!(writer.write("chr1", 14, &[1.0]).is_err(), "overlap");
    assert!(writer.write("chr3", 0, &[1.0]).is_err());
    assert!(writer.write("chr2", 99, &[1.0; 2]).is_err());
    writer.write("chr2", 0, &[1.0]).unwrap();
    assert!(writer.write("chr1", 50, &[1.0]).is_err());
    assert!(BigWigWriter::create(&path, []).is_err());
    let empty = BigWigWriter::create(&path, lengths()).unwrap();
    empty.finish().unwrap();
    assert!(query(&fs_err::read(&path).unwrap(), "chr1", 0, 100).is_empty());
}
