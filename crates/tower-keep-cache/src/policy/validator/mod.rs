//! Validators: by what two representations of a resource are told apart (RFC 9110 section 8.8).

mod entity_tag;
mod last_modified;
mod of;

pub(crate) use self::{
    entity_tag::{Comparison, EntityTag, names},
    last_modified::LastModified,
    of::Validators,
};
