//! What the files of a component are called.

use std::fmt::Write;

use component::Owner;
use ring::digest;

/// The longest name that is written out. File systems allow 255 bytes, and endings follow.
const LONGEST: usize = 200;

/// The beginning of the names of all files of one component, different for every owner, whatever the file system thinks of
/// upper and lower case: kind, type, name and storage name, joined by dots. Characters other than lower-case letters, digits,
/// `_` and `-` stand as `~` and two digits per byte. Of a name that is too long the end is replaced by a digest.
pub(crate) fn stem(owner: &Owner) -> String {
    let mut stem = owner.kind.to_string();
    for part in [owner.id.component_type(), owner.id.name(), &owner.name] {
        stem.push('.');
        escape(&mut stem, part);
    }
    // Trailing dots say nothing: the parts are counted from the front.
    stem.truncate(stem.trim_end_matches('.').len());
    if stem.len() <= LONGEST {
        return stem;
    }
    let digest = digest::digest(&digest::SHA256, stem.as_bytes());
    stem.truncate(LONGEST / 2);
    // Cannot come out of an escape.
    stem.push_str("~~");
    for byte in &digest.as_ref()[..16] {
        hexadecimal(&mut stem, *byte);
    }
    stem
}

/// The name of the file in which upstream's extension keeps the same data, in its own format.
pub(crate) fn upstream(owner: &Owner) -> String {
    let id = &owner.id;
    let mut name = format!("{}_{}_{}", owner.kind, id.component_type(), id.name());
    if !owner.name.is_empty() {
        name.push('_');
        name.push_str(&owner.name);
    }
    let mut file = String::new();
    for letter in name.chars() {
        match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '-' | '_' => file.push(letter),
            // Writing to a string cannot fail.
            other => drop(write!(file, "~{:04X}", u32::from(other))),
        }
    }
    file
}

fn escape(stem: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => stem.push(char::from(byte)),
            other => {
                stem.push('~');
                hexadecimal(stem, other);
            }
        }
    }
}

fn hexadecimal(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.extend(char::from_digit(u32::from(digit), 16));
    }
}

#[cfg(test)]
mod tests {
    use component::{ComponentId, Kind};

    use super::*;

    fn owner(id: &str, name: &str) -> Owner {
        let id = ComponentId::parse(id).unwrap();
        Owner { kind: Kind::Receiver, id, name: name.to_owned() }
    }

    #[test]
    fn names_are_readable_where_they_can_be() {
        assert_eq!(stem(&owner("filelog", "")), "receiver.filelog");
        assert_eq!(stem(&owner("filelog", "logs")), "receiver.filelog..logs");
        assert_eq!(stem(&owner("filelog/a/é", "")), "receiver.filelog.a~2f~c3~a9");
        assert_eq!(upstream(&owner("filelog", "")), "receiver_filelog_");
        assert_eq!(upstream(&owner("filelog/a/b", "x")), "receiver_filelog_a~002Fb_x");
    }

    #[test]
    fn no_two_owners_share_a_name_even_where_case_does_not_count() {
        let long = "x".repeat(1000);
        let owners = [
            owner("filelog", ""),
            owner("filelog/logs", ""),
            owner("filelog", "logs"),
            owner("filelog/a", "b"),
            owner("filelog/a.b", ""),
            owner("filelog/A", "b"),
            owner("filelog/a/b", ""),
            owner("filelog", "a~2fb"),
            owner("filelog", "a/b"),
            owner(&format!("filelog/{long}1"), ""),
            owner(&format!("filelog/{long}2"), ""),
        ];
        let mut stems: Vec<_> = owners.iter().map(|owner| stem(owner).to_lowercase()).collect();
        assert!(stems.iter().all(|stem| stem.len() <= LONGEST), "{stems:?}");
        stems.sort();
        stems.dedup();
        assert_eq!(stems.len(), owners.len());
    }
}
