#include "term/fileview.h"

#include <inttypes.h>

void fileview_put_offer(struct console *console, enum console_style style, const struct chatlog_entry *entry)
{
	char size[FILEOFFER_SIZE_BYTES];

	console_put_styled(console, style, "offers ");
	console_put_filename(console, style == CONSOLE_NORMAL ? CONSOLE_STRONG : style, entry->file.name);
	console_put_styled(console, style, " (%s)", fileoffer_format_size(entry->file.bytes, size));
	if (entry->direction == CHATLOG_RECEIVED && entry->number > 0)
		console_put_styled(console, style == CONSOLE_NORMAL ? CONSOLE_GOOD : style, ": Get %" PRIu64,
		    entry->number);
}
