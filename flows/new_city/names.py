"""The names under which portals and record systems publish our columns, and how strongly each name speaks."""

import re

_ID = r"(id|no|num|number|nbr|nr|nibr|key|ref|reference)"
# What begins the name of a report's number, whole or cut short.
_REPORT = (
    r"(incident|incidnt|inc|case|crime|cr|complaint|cmplnt|compl|event|evt|dr|dc|cc|ccr|ir|rd|occurrence|occur|occ|go|"
    r"report|rpt|rep|cad|cfs|ob|urn)"
)
_NO_REPORT = (  # whose or what other thing's number a column may hold
    r"(row|object|fid|index|global|ogc|source|cartodb|person|people|victim|vic|suspect|susp|offender|defendant|witness|"
    r"subject|party|officer|badge|unit|employee|staff|name|address|addr|house|street|apt|block|phone|tel|zip|postal|"
    r"parcel|licen[cs]e|plate|vehicle|veh|vin|ssn|sid|fbi|location|loc|geo|grid|place|site|x|y|lat|lon)"
)
_DAY = r"( date| dt| datetime| time)"
NUMBERED = 0.35  # a name that says no more than that it is a number; its values have to differ
# Patterns of names in words (`CMPLNT_FR_DT` → `cmplnt fr dt`), the strongest first.
NAMES: dict[str, tuple[tuple[str, float], ...]] = {
    "incident_id": (
        (rf"{_REPORT}( unique)? {_ID}|{_REPORT}(no|nr|nbr|num|number)", 1.0),
        (r"incidentid|incid|caseid|crimeid|eventid|reportid|reference", 1.0),
        (r"id|identifier|unique id|uid", 1.0),
        (r"(our |police |crime )?(ref|urn|refno|dossier|docket|log)( no| nr| number)?", 0.9),
        (rf"(offen[cs]e|record|file) {_ID}", 0.8),
        (rf"(incident|case|report|offen[cs]e) .*{_ID}", 0.7),
        (rf"(?!(.* )?{_NO_REPORT}\b)(.* {_ID}|.*(num|nbr|number))( .*)?", NUMBERED),
        (rf"(row|object|fid|index|global|ogc|source)( {_ID})?|objectid|rowid|cartodb id|globalid", 0.3),
    ),
    "occurred_at": (
        (r"(date ?time|date|time) ?(occ|occur|occurred)( .*)?", 1.0),
        (r"(date ?time|date|time) ?of (occurrence|incident|offen[cs]e|crime)( .*)?", 1.0),
        (rf"(occ|occur|occurred|occurr?ence|first occurrence)( on| at| from| start)?{_DAY}*", 1.0),
        (rf"cmplnt fr dt|crime ?date ?time|(offen[cs]e|incident|crime) (start|from){_DAY}*", 1.0),
        (rf"(incident|crime|offen[cs]e|event|dispatch){_DAY}{{1,2}}", 0.9),
        (r"date|date ?time|timestamp|when|date (from|start)|(start|from)( date)?( time)?|occ date", 0.8),
        (r"month|year month", 0.7),
        (r".*\b(date|dt|datetime|time)\b.*", 0.4),
    ),
    "occurred_to": (
        (rf"(occ|occur|occurred|occurrence|offen[cs]e|incident|crime)( on| at)? (to|end|last){_DAY}*", 1.0),
        (rf"cmplnt to dt|last occurrence{_DAY}*|(date|time) (to|end)|end date( time)?|to date( time)?", 0.9),
    ),
    "reported_at": (
        (rf"(date ?)?(report|reported|rptd|rpt)( on| at)?{_DAY}*", 1.0),
        (r"reported? ?date", 1.0),
    ),
    "updated_at": ((rf"(date )?(last )?(updated|modified|edited|update)( on| at)?{_DAY}*", 1.0),),
    "offence": (
        (r"primary type|offen[cs]e( type| name)?( id)?|ofns desc|crm cd desc|text general code|crime type", 1.0),
        (r"(crime|offen[cs]e|incident) (type|name|category|description|desc|class|sub ?category)( name)?", 0.9),
        (r"mci category", 0.9),
        (r"type|category|description|charge|violation|crime|what|nibrs.*|ucr.*|.*offen[cs]e.*|call type|group", 0.7),
        (r".*(desc|type|category|class).*", 0.4),
    ),
    "offence_detail": (
        (r"(secondary )?(description|desc|detail|sub ?type|sub ?category)|pd desc|offen[cs]e detail", 1.0),
        (r"(crime|incident|offen[cs]e)( sub ?category| description| desc| sub ?type| detail)", 0.9),
    ),
    "area_id": (
        (r"(police |dc |pd |addr )?(district|dist)( num| no| number| id| name)?|(dist|district)num", 1.0),
        (r"(police |addr )?(precinct|pct|division|beat)( cd| num| no| number| id| name)?", 0.95),
        (r"area( name| id)?|neighbou?rhood( id| name)?|borough|boro( nm)?|hood( id)?", 0.8),
        (r"community area|lsoa( code| name)?", 0.8),
        (r"(psa|sector|zone|ward|reporting area|tract|analysis neighborhood)( id| no| num| name)?", 0.7),
        (r".*(district|precinct|beat|neighbou?rhood|area|zone).*", 0.4),
    ),
    "domestic": ((r"(is )?domestic( related| violence| flag)?( flag)?|dv flag", 1.0),),
    "x": (
        (r"(geo |start |block )?(lon|long|longitude|lng)( wgs84)?", 1.0),
        (r"point x|x|x ?coord(inate)?s?( cd| public)?|geo x|gis x|eastings?|x (wgs84|long|lon)", 0.8),
    ),
    "y": (
        (r"(geo |start |block )?(lat|latitude)( wgs84)?", 1.0),
        (r"point y|y|y ?coord(inate)?s?( cd| public)?|geo y|gis y|northings?|y (wgs84|lat)", 0.8),
    ),
    "point": (
        (r"geometry|point|location( 1)?|the geom|geo point( 2d)?|geom|lat long?|latlng|lat lon", 1.0),
        (r"coordinates|wkt|georeference", 1.0),
        (r".*(location|point|geocod|coordinates|lat lon).*", 0.6),
    ),
}


def words_of_name(name: str) -> str:
    """Return a column's name as words: `CMPLNT_FR_DT` → `cmplnt fr dt`, `incidentId` → `incident id`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", apart.lower()).strip()


def name_strength(ours: str, column: str) -> float:
    """Return how strongly a column's name speaks for one of ours, 0 to 1."""
    words = words_of_name(column)
    return next((strength for pattern, strength in NAMES[ours] if re.fullmatch(pattern, words)), 0.0)
