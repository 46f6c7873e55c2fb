//! Jenkins' lookup3 (`hashlittle`, initial value 0), the checksum of HDF5 metadata.

fn mix(state: &mut [u32; 3]) {
    let [a, b, c] = state;
    for rotations in [[4, 6, 8], [16, 19, 4]] {
        *a = a.wrapping_sub(*c) ^ c.rotate_left(rotations[0]);
        *c = c.wrapping_add(*b);
        *b = b.wrapping_sub(*a) ^ a.rotate_left(rotations[1]);
        *a = a.wrapping_add(*c);
        *c = c.wrapping_sub(*b) ^ b.rotate_left(rotations[2]);
        *b = b.wrapping_add(*a);
    }
}

fn finish([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// The hash of bytes.
pub(super) fn lookup3(bytes: &[u8]) -> u32 {
    let mut state = [0xDEAD_BEEF_u32.wrapping_add(bytes.len() as u32); 3];
    let add = |state: &mut [u32; 3], block: &[u8]| {
        for (i, byte) in block.iter().enumerate() {
            state[i / 4] = state[i / 4].wrapping_add(u32::from(*byte) << (8 * (i % 4)));
        }
    };
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = after;
    }
    if rest.is_empty() {
        return state[2];
    }
    add(&mut state, rest);
    finish(state)
}

#[cfg(test)]
mod tests {
    use super::lookup3;

    #[test]
    fn hashes_equal_those_in_the_authors_file() {
        assert_eq!(lookup3(b""), 0xDEAD_BEEF);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
