// OpenSSL as Swift sees it: the headers, and inline functions for what the headers offer only as macros, as stacks, or
// with types that Swift does not import.
#ifndef HANSOM_CTLS_H
#define HANSOM_CTLS_H

#include <openssl/opensslv.h>

#if !defined(OPENSSL_VERSION_MAJOR) || OPENSSL_VERSION_MAJOR < 3
#error "Hansom needs OpenSSL 3.0 or later (Debian, Ubuntu: libssl-dev; Fedora: openssl-devel). LibreSSL and BoringSSL lack parts of its interface."
#endif

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// MARK: Contexts

static inline int CTLS_set_min_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int CTLS_set_max_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}

/// Sets the modes that non-blocking use needs, lets idle connections give their buffers back, and sends the chain that
/// was given instead of one made up from the trust roots.
static inline void CTLS_set_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                                  | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY | SSL_MODE_NO_AUTO_CHAIN);
}

/// Turns compression and renegotiation off.
static inline void CTLS_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE
                                     | SSL_OP_PRIORITIZE_CHACHA);
}

/// Lets one system call fetch as much as the read buffer holds, instead of one for each record header and body.
static inline void CTLS_set_read_ahead(SSL_CTX *context) {
    SSL_CTX_set_read_ahead(context, 1);
}

static inline void CTLS_set_session_cache_off(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void CTLS_set_client_session_callback(SSL_CTX *context, int (*callback)(SSL *, SSL_SESSION *)) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, callback);
}

static inline int CTLS_set_ticket_keys(SSL_CTX *context, void *keys, long count) {
    return (int)SSL_CTX_set_tlsext_ticket_keys(context, keys, count);
}

static inline int CTLS_add1_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline void CTLS_set_server_name_callback(SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}

// MARK: Sessions

static inline int CTLS_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int CTLS_set_owner(SSL *ssl, void *owner) {
    return SSL_set_app_data(ssl, owner);
}

static inline void *CTLS_owner(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

static inline SSL *CTLS_ssl_of_verification(X509_STORE_CTX *verification) {
    return (SSL *)X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
}

// MARK: BIO

static inline void CTLS_BIO_clear_retry(BIO *bio) {
    BIO_clear_retry_flags(bio);
}

static inline void CTLS_BIO_set_retry_read(BIO *bio) {
    BIO_set_retry_read(bio);
}

static inline void CTLS_BIO_set_retry_write(BIO *bio) {
    BIO_set_retry_write(bio);
}

/// The bytes that a memory BIO holds.
static inline long CTLS_BIO_memory(BIO *bio, char **bytes) {
    return BIO_get_mem_data(bio, bytes);
}

// MARK: Errors

static inline int CTLS_error_library(unsigned long code) {
    return ERR_GET_LIB(code);
}

static inline int CTLS_error_reason(unsigned long code) {
    return ERR_GET_REASON(code);
}

// MARK: Certificates

/// RFC 2253, on one line; control characters escaped, letters beyond ASCII left as they are.
static inline int CTLS_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

/// The names that a certificate is valid for; freed by `CTLS_names_free`.
static inline GENERAL_NAMES *CTLS_names(const X509 *certificate) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline void CTLS_names_free(GENERAL_NAMES *names) {
    GENERAL_NAMES_free(names);
}

static inline int CTLS_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

/// The bytes of the name at `index` if it is of `kind` (GEN_DNS: text, GEN_IPADD: an address); otherwise NULL.
static inline const unsigned char *CTLS_names_at(const GENERAL_NAMES *names, int index, int kind, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name == NULL || name->type != kind) {
        return NULL;
    }
    const ASN1_STRING *text = kind == GEN_IPADD ? name->d.iPAddress : name->d.dNSName;
    *count = ASN1_STRING_length(text);
    return ASN1_STRING_get0_data(text);
}

#endif
