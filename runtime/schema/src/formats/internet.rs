//! Identifiers, hosts, addresses and URIs.

pub(super) fn is_uuid(text: &str) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(text.as_bytes()) else { return false };
    let has_hyphens = [8, 13, 18, 23].iter().all(|index| bytes[*index] == b'-');
    has_hyphens && bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == 32
}

pub(super) fn is_hostname(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

pub(super) fn is_ipv4(text: &str) -> bool {
    text.split('.').count() == 4
        && text.split('.').all(|number| {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && (number == "0" || !number.starts_with('0'))
                && number.parse::<u8>().is_ok()
        })
}

pub(super) fn is_ipv6(text: &str) -> bool {
    // An IPv4 address may take the place of the last two groups.
    let (groups, last_two) = match text.rsplit_once(':') {
        Some((before, last)) if last.contains('.') => {
            if !is_ipv4(last) {
                return false;
            }
            (before, 2)
        }
        _ => (text, 0),
    };
    if last_two == 2 && groups.ends_with(':') {
        // The colon that was split off is part of a `::`.
        let shortened = groups.strip_suffix(':').and_then(count_groups);
        return shortened.is_some_and(|before| before <= 5);
    }
    match groups.split_once("::") {
        None => count_groups(groups) == Some(8 - last_two) && !groups.is_empty(),
        Some((before, after)) => match (count_groups(before), count_groups(after)) {
            (Some(before), Some(after)) => before + after + last_two <= 7,
            _ => false,
        },
    }
}

/// Returns the number of groups of hexadecimal digits between colons.
fn count_groups(text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let is_group =
        |group: &str| (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').all(is_group).then(|| text.split(':').count())
}

pub(super) fn is_email(text: &str) -> bool {
    // A quoted local part may contain an `@`; a domain may not.
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    local.len() <= 64 && (is_dot_atom(local) || is_quoted(local)) && is_mail_domain(domain)
}

fn is_dot_atom(text: &str) -> bool {
    let is_atom_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

fn is_quoted(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return false };
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        let is_fine = match byte {
            b'\\' => bytes.next().is_some_and(|escaped| (b' '..=b'~').contains(&escaped)),
            b'"' => false,
            _ => (b' '..=b'~').contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    true
}

fn is_mail_domain(text: &str) -> bool {
    let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return is_hostname(text);
    };
    match literal.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => is_ipv6(address),
        _ => is_ipv4(literal),
    }
}

pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        None => ("", hierarchy),
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
    };
    is_scheme(scheme)
        && is_authority(authority)
        && is_made_of(path, b":@/")
        && is_made_of(query, b":@/?")
        && is_made_of(fragment, b":@/?")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_authority(text: &str) -> bool {
    let (user, place) = text.split_once('@').unwrap_or(("", text));
    let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host_is_fine, port) = if let Some((literal, port)) = bracketed {
        (is_ipv6(literal) || is_ip_future(literal), port)
    } else {
        let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
        (is_made_of(host, b""), port)
    };
    let port_is_fine = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    host_is_fine && port_is_fine && is_made_of(user, b":")
}

/// Returns whether a text is a future kind of address: `v1.anything`.
fn is_ip_future(text: &str) -> bool {
    let Some((version, address)) = text.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let is_hex = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex && !address.is_empty() && !address.contains('%') && is_made_of(address, b":")
}

/// Returns whether a text consists of unreserved characters, sub-delimiters, percent escapes and the `extra`
/// characters.
fn is_made_of(text: &str, extra: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_fine = match byte {
            b'%' => {
                let mut is_hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                is_hex() && is_hex()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || extra.contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    true
}
