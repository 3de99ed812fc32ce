"""Define the vocabulary of a learning platform's events: fields by name, and 20 domains of 5 event types."""

from typing import NamedTuple

from event_lake.generator.values import (
    Value,
    array_of,
    decimal,
    flag,
    object_of,
    one_of,
    or_null,
    token,
    whole,
)

COMMON: dict[str, Value] = {
    "visit_id": token("v-"),
    "trace": token("t-"),
    "platform": one_of("ios", "android", "web", "web", "desktop"),
    "app_version": one_of("4.18.0", "4.18.2", "4.19.0-beta.1", "5.0.1"),
    "locale": one_of("en-GB", "de-DE", "pt-BR", "ja-JP", "uk-UA", "ar-EG"),
    "device": object_of(
        os=one_of("iOS 19.1", "Android 16", "Windows 11", "macOS 16.0", "Linux"),
        screen=one_of([390, 844], [412, 915], [1920, 1080], [2560, 1440]),
        online=flag(0.97),
    ),
}

FIELDS: dict[str, Value] = {
    "amount": decimal(0.5, 480, 2),
    "answers": array_of(one_of("A", "B", "C", True, 42, None), 4),  # noqa: FBT003 a JSON value
    "attempts": whole(1, 9),
    "bitrate_kbps": whole(180, 8000),
    "browser": or_null(one_of("Firefox 151", "Chrome 149", "Safari 20"), 0.3),
    "campaign": or_null(one_of("spring-sale", "back_to_school", "été 2026", "黒い金曜日"), 0.4),
    "city": one_of("München", "São Paulo", "Kraków", "Київ", "東京", "Leeds", "القاهرة"),
    "comment": or_null(
        one_of("Sehr schön erklärt, danke!", 'He said "again?"\nand left', "😀👍", "もう一度お願いします"),
        0.3,
    ),
    "coupon_code": or_null(one_of("WELCOME10", "ÉTÉ-15", "FRIEND5"), 0.7),
    "currency": one_of("EUR", "USD", "BRL", "JPY", "UAH"),
    "due_date": one_of("2026-11-30", "2026-12-15", "2027-01-10"),
    "duration_s": decimal(0.2, 3600, 3),
    "error_code": or_null(one_of("E_TIMEOUT", "E_CARD_DECLINED", 404, 500), 0.8),
    "file": object_of(name=one_of("Übung 3.pdf", "notes.txt", "写真.png"), bytes=whole(800, 9_000_000)),
    "filters": object_of(level=or_null(one_of("A1", "B2"), 0.5), free=flag(0.4), price_max=whole(5, 200)),
    "group_size": whole(1, 35),
    "is_first": flag(0.15),
    "items": array_of(object_of(sku=token("sku-"), quantity=whole(1, 5), price=decimal(1, 90, 2)), 2),
    "latency_ms": whole(3, 2400),
    "level": one_of("A1", "A2", "B1", "B2", "C1"),
    "method": one_of("card", "paypal", "pix", "sepa", "apple_pay"),
    "page": one_of("/", "/courses", "/courses/español-básico", "/pricing?plan=yearly", "/me/settings"),
    "plan": one_of("free", "monthly", "yearly", "school"),
    "position": object_of(x=decimal(0, 1, 4), y=decimal(0, 1, 4)),
    "progress": decimal(0, 1, 3),
    "query": one_of("verb to be", "subjonctif passé", "Zahlen bis 100", "過去形", "conversación"),
    "rating": or_null(whole(1, 5), 0.2),
    "reason": or_null(one_of("too expensive", "no time", "keine Lust", "別のアプリ"), 0.5),
    "referrer": or_null(one_of("https://www.google.com/", "newsletter", "https://t.example/x?id=7"), 0.4),
    "result_ids": array_of(whole(1000, 99999), 6),
    "retained": flag(0.7),
    "score": decimal(0, 100, 1),
    "status": one_of("ok", "pending", "failed", "cancelled"),
    "tags": array_of(one_of("grammar", "vocabulary", "écoute", "speaking", "kids"), 3),
    "tax_rate": one_of(0, 0.07, 0.19, 0.2),
    "title": one_of(
        "The Past Perfect", "Le passé composé", "Präpositionen mit Dativ", "日本語の助詞", "Emoji & you 🎓"
    ),
    "total_count": whole(0, 1_500_000),
    "variant": one_of("control", "A", "B"),
}


class Domain(NamedTuple):
    """Event types that share a vocabulary: the words for first and other parts of their names, and field names."""

    event_types: str
    subtypes: str
    fields: str


# The first type of every domain is among the 20 most frequent, the last among the 20 rarest.
DOMAINS = (
    Domain("lesson course exercise quiz chapter", "started finished skipped step:completed",
           "title level duration_s score attempts answers tags progress"),
    Domain("page_view click heartbeat crash scroll", "",
           "page referrer position latency_ms browser is_first"),
    Domain("session login logout device two_factor", "started ended expired challenge:passed",
           "city browser duration_s error_code is_first referrer"),
    Domain("video audio stream caption playlist", "played paused finished quality:changed",
           "title bitrate_kbps duration_s progress position tags"),
    Domain("message chat thread reaction mention", "sent read deleted attachment:added",
           "comment group_size latency_ms file status is_first"),
    Domain("payment invoice refund subscription coupon", "initiated order:completed order:failed confirmed",
           "amount currency method tax_rate items coupon_code plan error_code"),
    Domain("account profile email consent avatar", "created updated verified deletion:requested",
           "city plan referrer retained reason is_first"),
    Domain("search recommendation suggestion filter bookmark", "shown opened ignored result:clicked",
           "query filters result_ids latency_ms total_count level"),
    Domain("notification push reminder newsletter sms", "sent delivered opened link:clicked",
           "campaign title status latency_ms variant retained"),
    Domain("cart product wishlist order review", "viewed changed removed item:added",
           "items amount currency coupon_code rating comment"),
    Domain("homework classroom student teacher attendance", "assigned submitted graded feedback:given",
           "title due_date score group_size comment file level"),
    Domain("game badge streak quest leaderboard", "won lost continued reward:claimed",
           "score level attempts total_count progress is_first"),
    Domain("experiment onboarding paywall feature_flag tour", "exposed completed dismissed step:seen",
           "variant page plan retained progress reason"),
    Domain("ticket feedback survey complaint call", "opened answered closed agent:assigned",
           "comment rating status answers duration_s reason"),
    Domain("impression ad campaign conversion affiliate", "served clicked hidden budget:exhausted",
           "campaign amount currency position variant referrer"),
    Domain("article comment upload image document", "published edited removed review:approved",
           "title file tags rating total_count city"),
    Domain("booking calendar meeting availability waitlist", "requested confirmed moved host:changed",
           "due_date duration_s group_size city status reason"),
    Domain("shipment parcel address pickup return_label", "created shipped delivered customs:cleared",
           "city items status due_date amount currency"),
    Domain("sync export import webhook integration", "started finished failed chunk:uploaded",
           "file total_count duration_s latency_ms error_code status"),
    Domain("permission role audit fraud_check rate_limit", "granted revoked checked policy:changed",
           "reason status city score error_code retained"),
)  # fmt: skip
