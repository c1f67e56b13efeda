// BuildKit, docs/attestations/attestation-storage.md: how attestations stand beside images in an index.
export const SUBJECT_KIND = 'vnd.docker.reference.type'
export const SUBJECT_DIGEST = 'vnd.docker.reference.digest'
export const ATTESTATION = 'attestation-manifest'
export const PREDICATE_TYPE = 'in-toto.io/predicate-type'
export const SPDX_DOCUMENT = 'https://spdx.dev/Document'
