//! `jobs/deploy/`: units and the CronJob, read by the programs that read them, and their command
//! lines by our own.

use std::fs;
use std::process::{Command, Output};

use serde::Deserialize;

use crate::harness::{needs, root};
use crate::sandbox::Sandbox;

const UNITS: [&str; 4] = [
    "nachtwacht.service",
    "nachtwacht.timer",
    "nachtwacht-status.service",
    "nachtwacht-status.timer",
];

fn deployed(name: &str) -> String {
    fs::read_to_string(root().join("jobs/deploy").join(name)).unwrap()
}

/// `systemd-analyze verify` of the units, after `edit`.
fn verify(edit: impl Fn(String) -> String) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let files = UNITS.map(|name| {
        // The program is not installed here; the unit names where it will be.
        let program = env!("CARGO_BIN_EXE_nachtwacht");
        let text = deployed(name).replace("/usr/bin/nachtwacht", program);
        let file = folder.path().join(name);
        fs::write(&file, edit(text)).unwrap();
        file
    });
    Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(files)
        .output()
        .unwrap()
}

#[test]
fn systemd_reads_the_units_without_a_word() {
    let version = Command::new("systemd-analyze").arg("--version").output();
    if !needs("systemd-analyze", version.is_ok_and(|o| o.status.success())) {
        return;
    }
    let said = |o: &Output| String::from_utf8_lossy(&o.stderr).into_owned();
    let good = verify(|text| text);
    // Other units of this machine may have faults of their own.
    let ours: Vec<String> = said(&good)
        .lines()
        .filter(|l| l.contains("nachtwacht"))
        .map(str::to_owned)
        .collect();
    assert!(good.status.success() && ours.is_empty(), "{}", said(&good));
    for (from, to) in [
        ("Type=oneshot", "Type=onshot"),
        ("RestartSec=10min", "RestartSec=10moons"),
        ("02:30:00 Europe/Amsterdam", "02:30:00 Europe/Nowhere"),
    ] {
        let bad = verify(|text| text.replace(from, to));
        assert!(
            said(&bad).contains("nachtwacht"),
            "`{to}` is not noticed: {}",
            said(&bad)
        );
    }
}

/// What follows each `key=` of a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let lines = unit
        .lines()
        .filter_map(|l| l.strip_prefix(&format!("{key}=")));
    lines.map(str::to_owned).collect()
}

/// DECISIONS, section 7: 3 alone is worth another try.
#[test]
fn both_schedulers_do_with_each_exit_code_what_it_means() {
    let unit = deployed("nachtwacht.service");
    assert_eq!(values(&unit, "Restart"), ["on-failure"]);
    assert_eq!(values(&unit, "SuccessExitStatus"), ["1"]);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["2 4"]);
    let job = cronjob();
    let rules = &job.spec.job_template.spec.pod_failure_policy.rules;
    let fails = rules.iter().find(|r| r.action == "FailJob").unwrap();
    let codes = fails.on_exit_codes.as_ref().unwrap();
    assert_eq!(
        (codes.operator.as_str(), codes.values.as_slice()),
        ("In", &[1, 2, 4][..])
    );
    assert!(
        job.spec.job_template.spec.backoff_limit > 0,
        "3 is tried again"
    );
    // Both begin at the same local time.
    let timer = deployed("nachtwacht.timer");
    assert_eq!(
        values(&timer, "OnCalendar"),
        ["*-*-* 02:30:00 Europe/Amsterdam"]
    );
    assert_eq!(
        (job.spec.schedule.as_str(), job.spec.time_zone.as_str()),
        ("30 2 * * *", "Europe/Amsterdam")
    );
}

#[test]
fn the_command_lines_of_both_run_a_night_and_ask_for_its_status() {
    let sandbox = Sandbox::small();
    let of_unit = |name: &str| -> Vec<String> {
        let line = values(&deployed(name), "ExecStart").remove(0);
        line.split(' ').skip(1).map(str::to_owned).collect()
    };
    let call = |args: Vec<String>| {
        let here = args.iter().map(|a| match a.as_str() {
            "/etc/nachtwacht/jobs/nightly.toml" => "jobs/nightly.toml",
            "s3://bucket/prefix" => ".",
            other => other,
        });
        sandbox.call(&here.collect::<Vec<_>>(), &[]).ended_with(0)
    };
    call(of_unit("nachtwacht.service")).says(&["new letters"]);
    call(of_unit("nachtwacht-status.service")).says(&["last good night     2026-03-09"]);
    let job = cronjob();
    let container = &job.spec.job_template.spec.template.spec.containers[0];
    call(container.args.clone()).says(&["0 new letters"]);
}

#[test]
fn kubernetes_schemas_accept_the_cronjob_and_refuse_a_broken_one() {
    let version = Command::new("kubernetes-validate")
        .arg("--version")
        .output();
    if !needs(
        "kubernetes-validate (PyPI)",
        version.is_ok_and(|o| o.status.success()),
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cronjob.yaml");
    let is_accepted = |text: String| {
        fs::write(&file, text).unwrap();
        let said = Command::new("kubernetes-validate")
            .arg("--strict")
            .arg(&file)
            .output()
            .unwrap();
        said.status.success()
    };
    let good = deployed("cronjob.yaml");
    assert!(is_accepted(good.clone()));
    for (from, to) in [
        ("concurrencyPolicy:", "concurencyPolicy:"),
        ("backoffLimit: 20", "backoffLimit: twenty"),
        ("mountPath: /tmp", "mountpath: /tmp"),
    ] {
        assert!(good.contains(from));
        assert!(!is_accepted(good.replace(from, to)), "{to}");
    }
}

/// The same without any program: every key that the CronJob uses, in its type, and no other.
#[test]
fn the_cronjob_has_no_key_that_kubernetes_does_not_know() {
    let job = cronjob();
    assert_eq!(
        (job.api_version.as_str(), job.kind.as_str()),
        ("batch/v1", "CronJob")
    );
    assert_eq!(job.spec.concurrency_policy, "Forbid");
    let pod = &job.spec.job_template.spec.template.spec;
    assert_eq!(pod.restart_policy, "Never", "podFailurePolicy asks for it");
    assert!(pod.security_context.run_as_non_root && !pod.automount_service_account_token);
    let [container] = pod.containers.as_slice() else {
        panic!("one container")
    };
    let fails = &job.spec.job_template.spec.pod_failure_policy.rules[0];
    let named = fails.on_exit_codes.as_ref().unwrap();
    assert_eq!(named.container_name, container.name);
    let mounts: Vec<&str> = container
        .volume_mounts
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    let volumes: Vec<&str> = pod.volumes.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(mounts, volumes);
    let text = deployed("cronjob.yaml").replace("concurrencyPolicy:", "concurencyPolicy:");
    assert!(
        serde_yaml::from_str::<CronJob>(&text).is_err(),
        "a misspelt key"
    );
}

fn cronjob() -> CronJob {
    serde_yaml::from_str(&deployed("cronjob.yaml")).unwrap()
}

macro_rules! typed {
    ($($name:ident { $($field:ident: $of:ty,)* })*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        #[allow(dead_code, reason = "a field is there to be known")]
        struct $name { $($field: $of,)* }
    )*};
}

type Labels = std::collections::BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    action: String,
    on_exit_codes: Option<ExitCodes>,
    #[serde(default)]
    #[allow(dead_code, reason = "a field is there to be known")]
    on_pod_conditions: Vec<PodCondition>,
}

typed! {
    CronJob { api_version: String, kind: String, metadata: Named, spec: CronSpec, }
    Named { name: String, labels: Labels, }
    CronSpec {
        schedule: String, time_zone: String, concurrency_policy: String,
        starting_deadline_seconds: u32, successful_jobs_history_limit: u8,
        failed_jobs_history_limit: u8, job_template: JobTemplate,
    }
    JobTemplate { spec: JobSpec, }
    JobSpec {
        backoff_limit: u32, active_deadline_seconds: u32,
        pod_failure_policy: PodFailurePolicy, template: PodTemplate,
    }
    PodFailurePolicy { rules: Vec<Rule>, }
    ExitCodes { container_name: String, operator: String, values: Vec<i32>, }
    PodCondition { r#type: String, status: String, }
    PodTemplate { metadata: Labelled, spec: PodSpec, }
    Labelled { labels: Labels, }
    PodSpec {
        restart_policy: String, automount_service_account_token: bool,
        security_context: PodSecurity, containers: Vec<Container>, volumes: Vec<Volume>,
    }
    PodSecurity { run_as_non_root: bool, run_as_user: u32, fs_group: u32, seccomp_profile: Seccomp, }
    Seccomp { r#type: String, }
    Container {
        name: String, image: String, args: Vec<String>, env_from: Vec<EnvFrom>,
        resources: Resources, security_context: Security, volume_mounts: Vec<Mount>,
    }
    EnvFrom { secret_ref: Ref, }
    Ref { name: String, }
    Resources { requests: Labels, limits: Labels, }
    Security { allow_privilege_escalation: bool, read_only_root_filesystem: bool, capabilities: Capabilities, }
    Capabilities { drop: Vec<String>, }
    Mount { name: String, mount_path: String, }
    Volume { name: String, empty_dir: Empty, }
    Empty {}
}
