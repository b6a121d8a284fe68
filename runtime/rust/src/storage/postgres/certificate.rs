//! The hash of a server's certificate, which binds a password's proof to the encrypted connection (RFC 5929).

use sha2::{Digest, Sha256, Sha384, Sha512};

type Hash = fn(&[u8]) -> Vec<u8>;

/// The algorithms of signatures, and the hash that each uses.
const HASHES: [(&[u8], Hash); 8] = [
    // MD5 and SHA-1 with RSA, and SHA-1 with ECDSA, are replaced by SHA-256.
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], sha512),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03], sha384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], sha512),
];

/// Returns the data of the channel binding `tls-server-end-point`: the hash of a certificate in DER, with the hash of
/// its signature. Returns `None` if it is not defined for the certificate, as for Ed25519.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (fields, _) = element(certificate)?;
    let (_, after_contents) = element(fields)?;
    let (algorithm, _) = element(after_contents)?;
    let (identifier, _) = element(algorithm)?;
    let (_, hash) = HASHES.iter().find(|(known, _)| *known == identifier)?;
    Some(hash(certificate))
}

/// Returns the content of the first element of DER, and the bytes after it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_tag, length, rest @ ..] = der else { return None };
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}

fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a certificate without contents, signed with an algorithm.
    fn signed_with(algorithm: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, 0x81, length], content].concat()
        };
        let fields = [wrap(0x30, b"contents"), wrap(0x30, &wrap(6, algorithm)), wrap(3, b"signature")];
        wrap(0x30, &fields.concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (algorithm, length) in
            [(HASHES[0].0, 32), (HASHES[2].0, 32), (HASHES[6].0, 48), (HASHES[4].0, 64)]
        {
            assert_eq!(end_point(&signed_with(algorithm)).unwrap().len(), length);
        }
        let ed25519 = [0x2b, 0x65, 0x70];
        assert_eq!(end_point(&signed_with(&ed25519)), None);
    }

    #[test]
    fn damaged_certificates_have_no_hash() {
        let whole = signed_with(HASHES[2].0);
        for length in 0..whole.len() {
            assert_eq!(end_point(&whole[..length]), None);
        }
        assert_eq!(end_point(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
