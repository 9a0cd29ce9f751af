// OpenSSL as Swift sees it: the headers, and inline functions for what the headers offer only as macros.
#ifndef HANSOM_CTLS_H
#define HANSOM_CTLS_H

#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>

#endif
