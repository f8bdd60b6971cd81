#include "trust/lookalike.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

/*
 * Letters of the Latin, Greek and Cyrillic scripts that look like letters of the English alphabet, with or without
 * something above, below or through them. Facts from the Unicode Character Database and from the confusables of Unicode
 * Technical Standard 39.
 */
static const struct {
	const char *like;
	const char *letters;
} alike[] = {
    {"a", "ÅᴀÀÁÂÃÄÅàáâãäåĀāĂăĄąǍǎǞǟǠǡǺǻȀȁȂȃȦȧɑΆΑάαАаӐӑӒӓḀḁẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặἀἁἂἃἄἅἆἇἈἉἊἋἌἍἎἏὰάᾀ"
	  "ᾁᾂᾃᾄᾅᾆᾇᾈᾉᾊᾋᾌᾍᾎᾏᾰᾱᾲᾳᾴᾶᾷᾸᾹᾺΆᾼ"},
    {"ae", "ÆæǢǣǼǽӔӕ"},
    {"b", "ℬʙбвьƀƂƃƄɓΒБВЬѢѣҌҍḂḃḄḅḆḇ"},
    {"c", "ℂℭⅭⅽϲϹᴄÇçĆćĈĉĊċČčȼСсҪҫᲃḈḉ"},
    {"d", "ⅮⅾᴅÐĎďĐđƉƌɖɗԀԁḊḋḌḍḎḏḐḑḒḓ"},
    {"e", "ℯℰᴇÈÉÊËèéêëĒēĔĕĖėĘęĚěȄȅȆȇȨȩɆɇΈΕЀЁЕеѐёҼҽҿӖӗḔḕḖḗḘḙḚḛḜḝẸẹẺẻẼẽẾếỀềỂểỄễỆệἘἙἚἛἜἝῈΈ"},
    {"f", "ℱꜰƑƒϜᵮḞḟẝ"},
    {"g", "ℊɢĜĝĞğĠġĢģƍǤǥǦǧǴǵɠɡԌᶃḠḡ"},
    {"h", "ℋℌℍℎʜнңӈĤĥĦħȞȟɦΉΗНћҢҺһӇӉḢḣḤḥḦḧḨḩḪḫẖἨἩἪἫἬἭἮἯᾘᾙᾚᾛᾜᾝᾞᾟῊΉῌ"},
    {"i", "ιℐℑℒℓⅠⅼⅬⅰʟÌÍÎÏìíîïĨĩĪīĬĭĮįİıĹĺĻļĽľŁłƖƗƚǀǏǐȈȉȊȋɨɩɪɫɭΊΐΙΪίιϊІЇіїӀӏᵢᵻᵼḬḭḮḯḶḷḸḹḺḻḼḽỈỉỊịἰἱἲἳἴἵἶἷἸἹἺἻἼἽἾ"
	  "ἿὶίῐῑῒΐῖῗῘῙῚΊ"},
    {"ij", "ĳ"},
    {"j", "ᴊĴĵǰɈɉͿϳЈј"},
    {"k", "KᴋкќқҝҟĶķƙǨǩΚЌКҚҞḰḱḲḳḴḵ"},
    {"m", "ℳⅯⅿᴍмӎɱΜϺМӍᵯḾḿṀṁṂṃ"},
    {"n", "ℕɴÑñŃńŅņŇňƝƞǸǹɳΝήηᵰṄṅṆṇṈṉṊṋἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ"},
    {"o",
	"ℴÒÓÔÕÖØòóôõöøŌōŎŏŐőƟƠơǑǒǪǫǬǭǾǿȌȍȎȏȪȫȬȭȮȯȰȱɵΌΘΟΣθοςσόϑϴОоѲѳӦӧӨөӪӫᲂᴏᴑṌṍṎṏṐṑṒṓỌọỎỏỐốỒồỔổỖỗ"
	"ỘộỚớỜờỞởỠỡỢợὀὁὂὃὄὅὈὉὊὋὌὍὸόῸΌ"},
    {"oe", "Œœ"},
    {"p", "ℙ℘ᴘƥΡρϱРрᵨᵽṔṕṖṗῤῥῬ"},
    {"q", "ℚʠԚԛ"},
    {"r", "ℛℜℝʀŔŕŖŗŘřƦȐȑȒȓɍɼɽЃГгѓғᴦᵣᵲṘṙṚṛṜṝṞṟ"},
    {"s", "ꜱŚśŜŝŞşŠšſƽȘșʂЅѕᵴṠṡṢṣṤṥṦṧṨṩẛ"},
    {"ss", "ßβϐᵦẞ"},
    {"t", "ᴛтҭŢţŤťŦŧƭƮȚțȾΤТҬᵵṪṫṬṭṮṯṰṱẗ"},
    {"u", "ÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲųƯưƲǓǔǕǖǗǘǙǚǛǜȔȕȖȗɄʋΰυϋύᴜᵤᵾṲṳṴṵṶṷṸṹṺṻỤụỦủỨứỪừỬửỮữỰựὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ"},
    {"v", "ⅤⅴνѴѵѶѷᴠᵥṼṽṾṿ"},
    {"w", "ŴŵƜɯѠѡѽԜԝᴡẀẁẂẃẄẅẆẇẈẉẘ"},
    {"x", "ⅩⅹΧХхҲẊẋẌẍ"},
    {"y", "ÝýÿŶŷŸƔƴȲȳɎɏɣʏΎΓΥΫγϒϓϔЎУуўҮүҰұӮӯӰӱӲӳᵧᶌẎẏẙỲỳỴỵỶỷỸỹỾỿὙὛὝὟῨῩῪΎ"},
    {"ff", "ﬀ"},
    {"ffi", "ﬃ"},
    {"ffl", "ﬄ"},
    {"fi", "ﬁ"},
    {"fl", "ﬂ"},
    {"st", "ﬅﬆ"},
    {"ε", "έἐἑἒἓἔἕὲέ"},
    {"ω", "ΏώὠὡὢὣὤὥὦὧὨὩὪὫὬὭὮὯὼώᾠᾡᾢᾣᾤᾥᾦᾧᾨᾩᾪᾫᾬᾭᾮᾯῲῳῴῶῷῺΏῼΩ"},
    {"ж", "ӁӂӜӝ"},
    {"з", "Ӟӟ"},
    {"и", "ЍЙйѝӢӣӤӥ"},
    {"ч", "Ӵӵ"},
    {"э", "Ӭӭ"},
    {"z", "ℤℨŹźŻżŽžƵƶȤȥʐΖᴢᵶẐẑẒẓẔẕ"},
};

#define ALIKE (sizeof(alike) / sizeof(alike[0]))

/* Blocks whose characters repeat the ASCII ones in another style. */
#define FULLWIDTH_FIRST 0xff01
#define FULLWIDTH_LAST 0xff5e
#define MATHEMATICAL_FIRST 0x1d400
#define MATHEMATICAL_LAST 0x1d6a3
#define MATHEMATICAL_DIGIT_FIRST 0x1d7ce
#define MATHEMATICAL_DIGIT_LAST 0x1d7ff
#define CIRCLED_FIRST 0x24b6
#define CIRCLED_LAST 0x24e9
/* Capitals of Greek and Cyrillic stand at a fixed distance before the small letters. */
static const struct {
	uint32_t first, last, distance;
} capitals[] = {{0x0391, 0x03a1, 0x20}, {0x03a3, 0x03a9, 0x20}, {0x0400, 0x040f, 0x50}, {0x0410, 0x042f, 0x20}};

/* The character of the English alphabet and its like that code_point is a styled form of, or code_point. */
static uint32_t without_style(uint32_t code_point)
{
	uint32_t letter = (code_point - MATHEMATICAL_FIRST) % 52;

	if (code_point >= FULLWIDTH_FIRST && code_point <= FULLWIDTH_LAST)
		return code_point - FULLWIDTH_FIRST + '!';
	if (code_point >= MATHEMATICAL_FIRST && code_point <= MATHEMATICAL_LAST)
		return letter < 26 ? 'A' + letter : 'a' + letter - 26;
	if (code_point >= CIRCLED_FIRST && code_point <= CIRCLED_LAST)
		return 'a' + (code_point - CIRCLED_FIRST) % 26;
	if (code_point >= MATHEMATICAL_DIGIT_FIRST && code_point <= MATHEMATICAL_DIGIT_LAST)
		return '0' + (code_point - MATHEMATICAL_DIGIT_FIRST) % 10;
	return code_point;
}

/* The small letter of a Greek or Cyrillic capital, or code_point. */
static uint32_t without_case(uint32_t code_point)
{
	for (size_t i = 0; i < sizeof(capitals) / sizeof(capitals[0]); i++) {
		if (code_point >= capitals[i].first && code_point <= capitals[i].last)
			return code_point + capitals[i].distance;
	}
	return code_point;
}

/* Combining marks, which change nothing that a glance would see. */
static bool is_mark(uint32_t code_point)
{
	return (code_point >= 0x0300 && code_point <= 0x036f) || (code_point >= 0x1ab0 && code_point <= 0x1aff) ||
	       (code_point >= 0x1dc0 && code_point <= 0x1dff) || (code_point >= 0x20d0 && code_point <= 0x20ff);
}

/* What an ASCII character looks like, whatever its case: "0" like "o", "l" and "1" like "i", "m" like "rn". */
static const char *ascii_likeness(char character, char own[static 2])
{
	switch (character) {
	case '0':
		return "o";
	case 'l':
	case 'L':
	case '1':
	case '|':
		return "i";
	case 'm':
	case 'M':
		return "rn";
	case 'w':
	case 'W':
		return "vv";
	default:
		own[0] = (char)(character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character);
		own[1] = '\0';
		return own;
	}
}

static void append(char *skeleton, size_t *used, const char *piece, size_t len)
{
	if (*used + len < LOOKALIKE_BYTES) {
		memcpy(skeleton + *used, piece, len);
		*used += len;
	}
}

/* Appends letters, those of ASCII as what they look like. */
static void append_each(char *skeleton, size_t *used, const char *characters)
{
	char own[2];

	for (; *characters != '\0'; characters++) {
		const char *likeness = ascii_likeness(*characters, own);

		append(skeleton, used, likeness, strlen(likeness));
	}
}

/*
 * The letters that a character looks like, or NULL. UTF-8 is self-synchronizing, so strstr() finds whole characters
 * only.
 */
static const char *find_like(const char *character)
{
	for (size_t i = 0; i < ALIKE; i++) {
		if (strstr(alike[i].letters, character))
			return alike[i].like;
	}
	return NULL;
}

/* Appends what a character of len bytes looks like, be it as it is or as the small letter that it has. */
static void append_other(char *skeleton, size_t *used, const char *start, size_t len, uint32_t code_point)
{
	uint32_t small = without_case(code_point);
	char character[5] = {0};
	const char *like;

	memcpy(character, start, len);
	like = find_like(character);
	if (!like && small != code_point) {
		/* All letters of those scripts take two bytes. */
		character[0] = (char)(0xc0 | small >> 6);
		character[1] = (char)(0x80 | (small & 0x3f));
		like = find_like(character);
	}
	append_each(skeleton, used, like ? like : character);
}

void lookalike_skeleton(const char *name, char skeleton[static LOOKALIKE_BYTES])
{
	const char *end = name + strlen(name);
	size_t used = 0;

	for (const char *cursor = name, *start = name; cursor < end; start = cursor) {
		uint32_t code_point = text_next(&cursor, end);

		if (code_point == UINT32_MAX || is_mark(code_point) || text_is_blank(code_point))
			continue;
		code_point = without_style(code_point);
		if (code_point < 0x80)
			append_each(skeleton, &used, (char[]){(char)code_point, '\0'});
		else
			append_other(skeleton, &used, start, (size_t)(cursor - start), code_point);
	}
	skeleton[used] = '\0';
}
