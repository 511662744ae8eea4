/* The measuring protocol's server. The format is described in docs/protocol.md of sqtvm. */

#ifndef SQTVM_PROTOCOL_H
#define SQTVM_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define SQTVM_PROTOCOL_VERSION 2u
#define SQTVM_PROTOCOL_MAX_PAYLOAD 1024u

/* Answers requests for ever; call it once the platform is up. */
void sqtvm_protocol_serve(void);

/* One step of the server, for tests and for applications with a loop of their own: takes at most
   one byte from the UART and answers when that byte completed a request. */
void sqtvm_protocol_poll(void);

#endif
