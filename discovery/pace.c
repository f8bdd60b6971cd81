#include "pace.h"

/* What is used of the budget at now_ms. */
static int64_t used(const struct pace *pace, int64_t now_ms)
{
	int64_t bytes = pace->used_bytes - (now_ms - pace->used_ms) * PACE_BYTES_PER_MS;

	return bytes > 0 ? bytes : 0;
}

static int64_t later(int64_t one_ms, int64_t other_ms)
{
	return one_ms > other_ms ? one_ms : other_ms;
}

/* When the news are due: at once while there is enough of the budget, else together, and not before there is any. */
static int64_t news_due(const struct pace *pace)
{
	int64_t pause_ms = later(PACE_PAUSE_MS, pace->took_ms * PACE_PAUSE_FACTOR);
	int64_t due_ms = pace->written_ms == 0 ? pace->news_ms : later(pace->news_ms, pace->written_ms + pause_ms);
	int64_t excess_bytes = pace->used_bytes - PACE_BURST_BYTES;

	if (used(pace, pace->news_ms) > PACE_BURST_BYTES / 2)
		due_ms = later(due_ms, pace->news_ms + PACE_GATHER_MS);
	if (excess_bytes >= 0)
		due_ms = later(due_ms, pace->used_ms + excess_bytes / PACE_BYTES_PER_MS + 1);
	return due_ms;
}

int64_t pace_due(const struct pace *pace)
{
	int64_t due_ms = pace->refreshed_ms == 0 ? INT64_MAX : pace->refreshed_ms + PACE_GATHER_MS;

	if (pace->refreshed_ms == 0 && pace->news_ms == 0)
		return INT64_MAX;
	if (pace->failed)
		return pace->written_ms + PACE_RETRY_MS;
	if (pace->news_ms != 0 && news_due(pace) < due_ms)
		due_ms = news_due(pace);
	return due_ms;
}

bool pace_hear(struct pace *pace, bool is_news, int64_t now_ms)
{
	int64_t before_ms = pace_due(pace);

	if (pace->refreshed_ms == 0 && !is_news)
		pace->refreshed_ms = now_ms;
	if (pace->news_ms == 0 && is_news)
		pace->news_ms = now_ms;
	return pace_due(pace) < before_ms;
}

size_t pace_allowance(const struct pace *pace, int64_t now_ms)
{
	int64_t left = PACE_BURST_BYTES - used(pace, now_ms);

	return left > 0 ? (size_t)left : 0;
}

void pace_begin(struct pace *pace)
{
	pace->refreshed_ms = pace->news_ms = 0;
}

void pace_end(struct pace *pace, int64_t began_ms, int64_t ended_ms, size_t bytes, bool failed, bool is_short)
{
	pace->used_bytes = used(pace, ended_ms) + (int64_t)bytes;
	pace->used_ms = ended_ms;
	pace->written_ms = ended_ms;
	pace->took_ms = ended_ms - began_ms;
	pace->failed = failed;
	if ((failed || is_short) && pace->news_ms == 0)
		pace->news_ms = ended_ms;
}
