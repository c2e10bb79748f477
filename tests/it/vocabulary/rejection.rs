use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Empty;
use tower_keep_core::extract::{ClientIp, SubjectExtractor, header};
use tower_keep_core::{Protocol, telemetry};

/// What `f` logs in this thread.
fn logged(f: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, f);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn refuse(by: &impl SubjectExtractor) {
    let (parts, ()) = http::Request::new(()).into_parts();
    let missing = by.subject(&parts).unwrap_err();
    let _ = missing
        .into_rejection("ip")
        .into_response::<Empty<Bytes>>(&Protocol::http());
}

#[test]
fn a_service_put_together_wrongly_logs_one_error_that_names_the_fix() {
    let log = logged(|| refuse(&ClientIp::peer()));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("ERROR"), "{log}");
    assert!(log.contains(telemetry::target::REJECTION), "{log}");
    assert!(log.contains("into_make_service_with_connect_info"), "{log}");
}

#[test]
fn what_clients_can_cause_at_will_is_no_error_in_the_log() {
    let log = logged(|| refuse(&header("x-api-key")));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("DEBUG"), "{log}");
    assert!(log.contains("unidentified"), "{log}");
}

#[test]
fn each_refusal_is_counted_by_who_and_why() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        refuse(&header("x-api-key"));
        refuse(&header("x-api-key"));
        refuse(&ClientIp::peer());
    });
    let counts = recorder.handle().render();
    for line in [
        r#"tower_keep_rejections_total{by="ip",reason="unidentified"} 2"#,
        r#"tower_keep_rejections_total{by="ip",reason="misconfigured"} 1"#,
    ] {
        assert!(counts.lines().any(|count| count == line), "{counts}");
    }
}
