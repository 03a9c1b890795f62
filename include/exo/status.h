/* Status codes of kernel calls; names and texts come from status.def. */
#ifndef EXO_STATUS_H
#define EXO_STATUS_H

enum exo_status {
#define EXO_STATUS(name, value, text) EXO_##name = value,
#include <exo/status.def>
#undef EXO_STATUS
	EXO_STATUS_COUNT
};

#endif
