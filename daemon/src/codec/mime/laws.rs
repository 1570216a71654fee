//! What holds for any bytes: a verdict, in bounds, without a panic.

use proptest::prelude::*;

use super::{Content, MimeLimits, Passage, read};

fn has_replacement(passages: &[Passage]) -> bool {
    passages.iter().any(|passage| match &passage.content {
        Content::Line(line) => line.contains('\u{FFFD}'),
        Content::Grid(grid) => grid.rows.iter().flatten().any(|cell| cell.text.contains('\u{FFFD}')),
    })
}

fn check(bytes: &[u8]) {
    if let Ok(mail) = read(bytes, &MimeLimits::default()) {
        assert!(!mail.subject.contains('\u{FFFD}'));
        for body in &mail.bodies {
            assert!(!body.plain.as_deref().is_some_and(has_replacement));
            assert!(!body.html.as_deref().is_some_and(has_replacement));
        }
    }
}

/// Pieces that mails are made of, to be put together in any order.
const PIECES: [&[u8]; 26] = [
    b"From: a@example.com\r\n",
    b"Content-Type: multipart/mixed; boundary=\"b\"\r\n",
    b"Content-Type: multipart/alternative; boundary=c\r\n",
    b"Content-Type: text/html; charset=gb2312\r\n",
    b"Content-Type: text/plain; charset=utf-8; format=flowed\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: application/ms-tnef; name=winmail.dat\r\n",
    b"Content-Type: application/pkcs7-mime\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*0*=gb2312''%BF; filename*1*=%CD.csv\r\n",
    b"\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"--c\r\n",
    b"--c--\r\n",
    b"Subject: =?GBK?B?v827p7Ht?=\r\n",
    b"\xB5\xE7\xBB\xB0\xA3\xBA13800138000\r\n",
    "电话：13800138000\r\n".as_bytes(),
    b"<table><tr><td>a<td colspan=3>b</table>",
    b"<blockquote><div class=gmail_quote>",
    b"</div></td></table>",
    b"eJ8+Ig==\r\n",
    b"MIAGCSqGSIb3DQEHAqCA\r\n",
    b"> quoted\r\n",
    b"=E7=94=B5=\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_give_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        check(&bytes);
        check(&[b"From: a@example.com\r\n\r\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn any_order_of_pieces_gives_a_verdict(order in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let bytes: Vec<u8> = order.into_iter().flat_map(|piece| PIECES[piece].to_vec()).collect();
        check(&[PIECES[0], &bytes].concat());
    }
}
