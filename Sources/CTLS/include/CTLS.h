// OpenSSL as Swift sees it: the headers, and inline functions for what the headers offer only as macros, as stacks, or
// with types that Swift does not import.
#ifndef HANSOM_CTLS_H
#define HANSOM_CTLS_H

#include <openssl/opensslv.h>

#if !defined(OPENSSL_VERSION_MAJOR) || OPENSSL_VERSION_MAJOR < 3
#error "Hansom needs OpenSSL 3.0 or later (Debian, Ubuntu: libssl-dev; Fedora: openssl-devel). LibreSSL and BoringSSL lack parts of its interface."
#endif

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <time.h>

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

/// Readies what encrypts and authenticates one session ticket: AES-256-CBC with the first 32 bytes of `keys`, HMAC-SHA-256
/// with the next 32. Returns 1, or 0 if OpenSSL refuses.
static inline int CTLS_use_ticket_key(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *authentication, const unsigned char *keys,
                                      const unsigned char *vector, int encrypts) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(keys + 32), 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys, vector, encrypts) == 1
        && EVP_MAC_CTX_set_params(authentication, parameters) == 1;
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

// MARK: OCSP

/// What an answer of an authority says of a certificate.
typedef struct {
    /// `V_OCSP_CERTSTATUS_GOOD`, `V_OCSP_CERTSTATUS_REVOKED` or `V_OCSP_CERTSTATUS_UNKNOWN`.
    int status;
    /// `OCSP_REVOKED_STATUS_...`, or -1.
    int reason;
    /// In seconds since 1970; 0: not said.
    int64_t revoked_at, this_update, next_update;
} CTLS_ocsp_verdict;

static inline int64_t CTLS_seconds(const ASN1_GENERALIZEDTIME *time) {
    struct tm parts;
    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

/// Whether the identifier of an answer means a certificate. Without its issuer only the serial number is compared.
static inline int CTLS_ocsp_means(const OCSP_CERTID *id, X509 *certificate, X509 *issuer) {
    ASN1_OBJECT *algorithm = NULL;
    ASN1_INTEGER *serial = NULL;
    if (OCSP_id_get0_info(NULL, &algorithm, NULL, &serial, (OCSP_CERTID *)id) != 1) {
        return 0;
    }
    if (issuer == NULL) {
        return ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0;
    }
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    OCSP_CERTID *own = digest == NULL ? NULL : OCSP_cert_to_id(digest, certificate, issuer);
    int is_same = own != NULL && OCSP_id_cmp(own, id) == 0;
    OCSP_CERTID_free(own);
    return is_same;
}

/// Reads what an answer in DER says of a certificate. Returns NULL, or what is wrong with the answer.
///
/// With a store the answer's signature is checked too, by the certificates of `chain`.
static inline const char *CTLS_read_ocsp(const unsigned char *der, long count, X509 *certificate, X509 *issuer,
                                         STACK_OF(X509) *chain, X509_STORE *store, CTLS_ocsp_verdict *verdict) {
    const unsigned char *cursor = der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, count);
    if (response == NULL) {
        return "it is malformed; expected an OCSP response in DER (RFC 6960)";
    }
    OCSP_BASICRESP *basic = NULL;
    const char *flaw = NULL;
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        flaw = OCSP_response_status_str(OCSP_response_status(response));
    } else if ((basic = OCSP_response_get1_basic(response)) == NULL) {
        flaw = "it holds no basic response";
    } else if (store != NULL && OCSP_basic_verify(basic, chain, store, 0) != 1) {
        flaw = "its signature is not the authority's";
    }
    OCSP_RESPONSE_free(response);
    int is_found = 0;
    for (int index = 0; flaw == NULL && !is_found && index < OCSP_resp_count(basic); index++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, index);
        if (!CTLS_ocsp_means(OCSP_SINGLERESP_get0_id(single), certificate, issuer)) {
            continue;
        }
        ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
        is_found = 1;
        verdict->reason = -1;
        verdict->status = OCSP_single_get0_status(single, &verdict->reason, &revoked_at, &this_update, &next_update);
        verdict->revoked_at = CTLS_seconds(revoked_at);
        verdict->this_update = CTLS_seconds(this_update);
        verdict->next_update = CTLS_seconds(next_update);
    }
    OCSP_BASICRESP_free(basic);
    ERR_clear_error();
    return flaw != NULL ? flaw : is_found ? NULL : "it is about another certificate";
}

/// The same of the answer that a server has sent for its certificate; `is_missing` is set where it has sent none.
static inline const char *CTLS_read_staple(SSL *ssl, int *is_missing, CTLS_ocsp_verdict *verdict) {
    unsigned char *der = NULL;
    long count = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    *is_missing = der == NULL || count <= 0;
    if (*is_missing) {
        return "the server has sent none";
    }
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    if (chain == NULL || sk_X509_num(chain) < 2) {
        return "there is no issuer that it could be of";
    }
    return CTLS_read_ocsp(der, count, sk_X509_value(chain, 0), sk_X509_value(chain, 1), chain,
                          SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), verdict);
}

/// Whether a certificate is good only together with such an answer (RFC 7633, the feature `status_request`).
static inline int CTLS_must_staple(const X509 *certificate) {
    TLS_FEATURE *features = (TLS_FEATURE *)X509_get_ext_d2i(certificate, NID_tlsfeature, NULL, NULL);
    int must = 0;
    for (int index = 0; features != NULL && index < sk_ASN1_INTEGER_num(features); index++) {
        must = must || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, index)) == TLSEXT_TYPE_status_request;
    }
    TLS_FEATURE_free(features);
    return must;
}

/// Asks servers for such an answer.
static inline void CTLS_request_staple(SSL_CTX *context) {
    SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
}

static inline void CTLS_set_staple_callback(SSL_CTX *context, int (*callback)(SSL *, void *), void *argument) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
    SSL_CTX_set_tlsext_status_arg(context, argument);
}

/// Sends a copy of an answer along. Returns 1, or 0 without memory.
static inline int CTLS_staple(SSL *ssl, const unsigned char *der, size_t count) {
    unsigned char *copy = (unsigned char *)OPENSSL_memdup(der, count);
    return copy != NULL && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)count) == 1;
}

#endif
