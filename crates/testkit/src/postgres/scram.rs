//! SCRAM-SHA-256, the way in which a PostgreSQL asks for a password unless it is told otherwise: RFC 5802 and RFC 7677.
//! Without channel binding, and without normalising the password (SASLprep), which changes no ASCII one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// No channel binding, and nobody is to be impersonated.
const HEADER: &str = "n,,";

/// What the client says, one message after the other.
#[derive(Debug)]
pub(super) struct Scram {
    /// `n=user,r=nonce`: the user is empty, PostgreSQL has it from the start of the connection.
    first: String,
    password: String,
}

impl Scram {
    /// `nonce` has to be printable and must not be used twice.
    pub(super) fn new(user: &str, password: &str, nonce: &str) -> Self {
        Self {
            first: format!("n={user},r={nonce}"),
            password: password.to_owned(),
        }
    }

    /// The first message.
    pub(super) fn hello(&self) -> String {
        format!("{HEADER}{}", self.first)
    }

    /// The answer to the server's first message, the proof that the password is known. `None` if that message is none.
    pub(super) fn prove(&self, challenge: &str) -> Option<String> {
        let field = |letter| {
            challenge
                .split(',')
                .find_map(|field| field.strip_prefix(letter))
        };
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        let salted = stretch(
            self.password.as_bytes(),
            &BASE64.decode(salt).ok()?,
            rounds.parse().ok()?,
        );
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let last = format!("c={},r={nonce}", BASE64.encode(HEADER));
        let signature = hmac(
            &stored_key,
            format!("{},{challenge},{last}", self.first).as_bytes(),
        );
        Some(format!(
            "{last},p={}",
            BASE64.encode(xor(client_key, signature))
        ))
    }
}

/// `Hi` of RFC 5802, which is PBKDF2 with one block.
fn stretch(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut result = last;
    for _ in 1..rounds {
        last = hmac(password, &last);
        result = xor(result, last);
    }
    result
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

fn xor(mut one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    one.iter_mut()
        .zip(other)
        .for_each(|(byte, other)| *byte ^= other);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange in section 3 of RFC 7677.
    #[test]
    fn the_example_of_the_rfc_is_answered_as_there() {
        let scram = Scram::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.hello(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(scram.prove(challenge).unwrap(), proof);
    }

    #[test]
    fn a_challenge_that_is_none_is_not_answered() {
        assert_eq!(Scram::new("", "pencil", "nonce").prove("e=no"), None);
    }
}
