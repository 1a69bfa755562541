//! Resident memory that only the start has needed.
//!
//! Reading a configuration and building a graph takes more of the program than running it. `docs/decisions/allocator.md` has
//! the numbers.

use std::ffi::c_void;

/// Takes the program's own read-only pages, and those of its libraries, out of the resident set. What is used again is mapped
/// again, from the file cache and without reading the disk.
pub(crate) fn release_start_up_pages() {
    #[expect(unsafe_code, reason = "only the C library knows where the program is mapped")]
    // SAFETY: the callback only reads what it is given, for as long as it is given, and cannot panic.
    unsafe {
        libc::dl_iterate_phdr(Some(release), std::ptr::null_mut());
    }
}

#[expect(unsafe_code, reason = "called by the C library")]
unsafe extern "C" fn release(
    object: *mut libc::dl_phdr_info,
    size: usize,
    _: *mut c_void,
) -> libc::c_int {
    if size < size_of::<libc::dl_phdr_info>() {
        return 0;
    }
    // SAFETY: the C library passes a valid object of at least that size, whose headers are mapped.
    let (base, segments) = unsafe {
        let object = &*object;
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()))
    };
    for segment in segments {
        // A segment that is never written has no pages but those of its file. The others keep what was relocated in them.
        if segment.p_type != libc::PT_LOAD || segment.p_flags & libc::PF_W != 0 {
            continue;
        }
        let (Ok(start), Ok(length)) =
            (usize::try_from(base + segment.p_vaddr), usize::try_from(segment.p_memsz))
        else {
            continue;
        };
        let aligned = start & !(PAGE - 1);
        let address = std::ptr::with_exposed_provenance_mut::<c_void>(aligned);
        // SAFETY: the kernel drops pages of a private mapping of a file that nobody writes: they read the same when they come
        // back. Where it does not want to, it says so and nothing has happened.
        unsafe { libc::madvise(address, start - aligned + length, libc::MADV_DONTNEED) };
    }
    0
}

/// The smallest page there is. The kernel refuses addresses that are not aligned to its own.
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn resident_of_files() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn pages_leave_and_come_back() {
        let before = resident_of_files();
        release_start_up_pages();
        let after = resident_of_files();
        assert!(after < before, "{before} kB before, {after} kB after");
        assert_eq!(format!("{:?}", "é".to_uppercase()), "\"É\"", "everything still works");
    }
}
