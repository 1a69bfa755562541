//! What lives on, and who shares it.

use testkit::extension_in;

use super::*;
use crate::lock::{Attempt, Lock};

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for fsync in ["fsync: false", "fsync: true"] {
        let extension = start(&folder, fsync).await;
        let client = open(&extension, "filelog").await;
        client.write(vec![set("a", "1"), set("b", ""), set("c", "3")]).await.unwrap();
        client.write(vec![remove("c"), set("a", fsync), remove("none")]).await.unwrap();
        drop(client);
        extension.stop().await.unwrap();

        let extension = start(&folder, fsync).await;
        let client = open(&extension, "filelog").await;
        assert_eq!(client.get("a").await.unwrap().unwrap(), fsync.as_bytes());
        assert_eq!(client.get("b").await.unwrap().unwrap(), b"", "empty is not missing");
        assert_eq!(client.get("c").await.unwrap(), None);
        let other = open(&extension, "filelog/2").await;
        assert_eq!(other.get("a").await.unwrap(), None, "it belongs to somebody else");
    }
}

#[tokio::test]
async fn old_and_new_component_share_a_table_across_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let settings = testkit::settings("file_storage");
    let yaml = yaml(folder.path(), "");
    let old = extension_in(Factory, &yaml, settings.clone()).await.unwrap();
    let draining = open(&old, "filelog").await;
    let new = extension_in(Factory, &yaml, settings).await.unwrap();
    let successor = open(&new, "filelog").await;
    draining.write(vec![set("offset", "1")]).await.unwrap();
    assert_eq!(successor.get("offset").await.unwrap().unwrap(), b"1");
    old.stop().await.unwrap();
    draining.write(vec![set("offset", "2")]).await.unwrap();
    assert_eq!(successor.get("offset").await.unwrap().unwrap(), b"2");
}

#[tokio::test(start_paused = true)]
async fn another_process_is_told_who_has_the_folder_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let Attempt::Locked(held) = Lock::attempt(folder.path()).unwrap() else { panic!("it is free") };
    let began = tokio::time::Instant::now();
    let yaml = yaml(folder.path(), "timeout: 3s");
    let refused = extension_in(Factory, &yaml, testkit::settings("file_storage")).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains(folder.path().file_name().unwrap().to_str().unwrap()), "{error}");
    assert!(error.contains("another process"), "{error}");
    assert!(error.contains("`directory` of its own"), "{error}");
    #[cfg(unix)]
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    assert!(began.elapsed() >= std::time::Duration::from_secs(3), "it waited for `timeout`");
    drop(held);
    extension_in(Factory, &yaml, testkit::settings("file_storage")).await.unwrap();
}

#[tokio::test]
async fn the_folder_is_free_when_the_last_client_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let extension = start(&folder, "").await;
    let client = open(&extension, "filelog").await;
    extension.stop().await.unwrap();
    assert!(matches!(Lock::attempt(folder.path()), Ok(Attempt::Taken(_))), "a client is left");
    drop(client);
    assert!(matches!(Lock::attempt(folder.path()), Ok(Attempt::Locked(_))));
}

#[tokio::test]
async fn a_component_has_a_private_folder_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let extension = start(&folder, "").await;
    let client = open(&extension, "filelog/../../é").await;
    let private = client.folder().await.unwrap();
    assert_eq!(client.folder().await.unwrap(), private);
    assert!(private.is_dir());
    assert_eq!(private.parent().unwrap(), folder.path().canonicalize().unwrap());
    client.write(vec![set("a", "1")]).await.unwrap();
    #[cfg(unix)]
    {
        assert_eq!(mode(&private), 0o700);
        assert_eq!(mode(&private.with_extension("table")), 0o600);
    }
}

#[tokio::test]
async fn a_table_has_its_limits_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let extension = start(&folder, "").await;
    let client = open(&extension, "filelog").await;
    let error = client.write(vec![set("a", vec![0; 16 << 20])]).await.unwrap_err().to_string();
    assert!(error.contains("16777216 bytes that may be written at once"), "{error}");
    let value = vec![0; (16 << 20) - 100];
    for key in ["a", "b", "c", "a"] {
        client.write(vec![set(key, &value)]).await.unwrap();
    }
    client.write(vec![set("d", &value)]).await.unwrap();
    let error = client.write(vec![set("e", &value)]).await.unwrap_err().to_string();
    assert!(error.contains("67108864 bytes that may be kept"), "{error}");
    client.write(vec![set("e", &value), remove("d")]).await.unwrap();
}
